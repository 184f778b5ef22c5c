"""What the API and the dashboard are told by their environment, and by nothing else."""

import re
from collections.abc import Mapping
from typing import Annotated, TypeVar

from limits import parse
from pydantic import AfterValidator, Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from pyapi.database_url import libpq_url

SECRET_BYTES = 32
_SECRET_HINT = "for example the output of: openssl rand -hex 32"  # noqa: S105
_MISSING = {
    "database_url": "DATABASE_URL is not set: give the database, as in postgresql://user@host/telepaypsql",
    "jwt_secret_key": f"JWT_SECRET_KEY is not set: give {SECRET_BYTES} bytes or more, {_SECRET_HINT}",
}
DatabaseUrl = Annotated[str, AfterValidator(lambda url: libpq_url(url.strip())), Field(repr=False)]
_S = TypeVar("_S", bound=BaseSettings)


class SettingsInvalid(ValueError):
    """The environment lacks something or holds something wrong. The message repeats no value."""


class Settings(BaseSettings):
    """The settings, each the environment variable of the same name in capitals.

    Args:
        database_url: the database, as a role that is a member of broadcast_api.
        jwt_secret_key: signs the tokens; at least 32 bytes, since HS256 is no stronger than its key (RFC 7518, 3.2).
        cors_origins: origins whose pages may call the API with credentials, separated by commas; none without it.
        login_limit_per_username: sign-ins with one name, as the library limits writes it.
        login_limit_per_address: sign-ins from one client address.
        pool_max_size: connections to the database at most.
        pool_timeout: seconds a request waits for a connection before it is answered with 503.
    """

    model_config = SettingsConfigDict(frozen=True, hide_input_in_errors=True)

    database_url: DatabaseUrl
    jwt_secret_key: SecretStr
    cors_origins: Annotated[list[str], NoDecode] = []
    login_limit_per_username: str = "10 per 5 minutes"
    login_limit_per_address: str = "100 per 5 minutes"
    pool_max_size: Annotated[int, Field(ge=1)] = 10
    pool_timeout: Annotated[float, Field(gt=0)] = 4.0

    @field_validator("jwt_secret_key")
    @classmethod
    def _long_enough(cls, secret: SecretStr) -> SecretStr:
        if len(secret.get_secret_value().encode()) < SECRET_BYTES:
            raise ValueError(f"JWT_SECRET_KEY is too short: give {SECRET_BYTES} bytes or more, {_SECRET_HINT}")
        return secret

    @field_validator("cors_origins", mode="before")
    @classmethod
    def _separated(cls, origins: object) -> object:
        if isinstance(origins, str):
            return [origin.strip().rstrip("/").lower() for origin in origins.split(",") if origin.strip()]
        return origins

    @field_validator("cors_origins")
    @classmethod
    def _with_scheme(cls, origins: list[str]) -> list[str]:
        if any("*" in origin for origin in origins):
            raise ValueError(
                "CORS_ORIGINS: * would let every page call with its visitors' credentials; name the origins"
            )
        if not all(re.fullmatch(r"https?://[^/?#@\s]+", origin) for origin in origins):
            raise ValueError("CORS_ORIGINS: give origins as a browser does, as in https://front.example.org")
        return origins

    @field_validator("login_limit_per_username", "login_limit_per_address")
    @classmethod
    def _countable(cls, limit: str) -> str:
        try:
            parse(limit)
        except ValueError:
            raise ValueError("a login limit is written as in '10 per 5 minutes'") from None
        return limit


def read_settings() -> Settings:
    """The settings of this process's environment.

    Raises:
        SettingsInvalid: one sentence that names the variable and what it should hold.
    """
    return read_environment(Settings, _MISSING)


def read_environment(kind: type[_S], missing: Mapping[str, str]) -> _S:
    """Settings of a kind, from this process's environment.

    Args:
        kind: which settings.
        missing: the sentence for each variable, by the field's name, that is not set.

    Raises:
        SettingsInvalid: the first thing that is missing or wrong, as one sentence.
    """
    try:
        return kind()
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        # A field with several variables is reported by the first of them.
        name = next((field for field in missing if field in str(first["loc"][0])), str(first["loc"][0]))
        cause = first.get("ctx", {}).get("error")
        if first["type"] == "missing":
            sentence = missing[name]
        elif isinstance(cause, ValueError):
            sentence = str(cause) if name.upper() in str(cause) else f"{name.upper()}: {cause}"
        else:
            sentence = f"{name.upper()}: {first['msg']}"
        raise SettingsInvalid(sentence) from None
