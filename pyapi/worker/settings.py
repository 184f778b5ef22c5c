"""A worker's settings, from its environment: the database, the bot, and how many messages it sends at once."""

import os
import re
from typing import Annotated

from pydantic import AliasChoices, Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from pyapi.settings import DatabaseUrl, read_environment

TELEGRAM = "https://api.telegram.org"
_TOKEN = re.compile(r"[0-9]+:[A-Za-z0-9_-]+")
_MISSING = {
    "database_url": "DATABASE_URL is not set: give the database, as in postgresql://user@host/telepaypsql",
    "telegram_bot_token": "TELEGRAM_BOT_TOKEN is not set: give the bot's token, as BotFather tells it",
}


class WorkerSettings(BaseSettings):
    """The settings, each the environment variable of the same name in capitals.

    Args:
        database_url: WORKER_DATABASE_URL, and DATABASE_URL where that is not set: the database, as a role that is
            a member of broadcast_worker.
        telegram_bot_token: the bot that sends; never logged.
        telegram_api_base_url: another Bot API server than Telegram's.
        worker_concurrency: so many broadcasts at once, at most.
        worker_poll_seconds: how often it looks by itself; a NOTIFY wakes it at once.
        worker_send_timeout: seconds that a message may take; at most a quarter of the lease.
    """

    model_config = SettingsConfigDict(
        frozen=True, hide_input_in_errors=True, populate_by_name=True, env_ignore_empty=True
    )

    database_url: Annotated[DatabaseUrl, Field(validation_alias=AliasChoices("worker_database_url", "database_url"))]
    telegram_bot_token: SecretStr
    telegram_api_base_url: str = TELEGRAM
    worker_concurrency: Annotated[int, Field(ge=1, le=100)] = 10
    worker_poll_seconds: Annotated[float, Field(gt=0)] = 5.0
    worker_send_timeout: Annotated[float, Field(gt=0, le=60)] = 15.0

    @field_validator("telegram_bot_token")
    @classmethod
    def _token(cls, token: SecretStr) -> SecretStr:
        if not _TOKEN.fullmatch(token.get_secret_value()):
            raise ValueError("TELEGRAM_BOT_TOKEN is no bot's token: a number, a colon, letters, as BotFather tells it")
        return token

    @field_validator("telegram_api_base_url")
    @classmethod
    def _address(cls, url: str) -> str:
        if not url.startswith(("https://", "http://")):
            raise ValueError("TELEGRAM_API_BASE_URL must begin with https:// or http://")
        return url.rstrip("/")


def read_worker_settings() -> WorkerSettings:
    """The settings of this process's environment.

    Raises:
        SettingsInvalid: one sentence that names the variable and what it should hold.
    """
    return read_environment(WorkerSettings, _MISSING)


def worker_settings_if_any() -> WorkerSettings | None:
    """The settings where TELEGRAM_BOT_TOKEN is set; None where this process is not to send.

    Raises:
        SettingsInvalid: the token is set, and something is wrong.
    """
    return read_worker_settings() if os.environ.get("TELEGRAM_BOT_TOKEN") else None
