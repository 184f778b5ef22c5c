"""What the environment must hold, and what is said when it does not."""

import pytest

from pyapi.settings import Settings, SettingsInvalid, read_settings

URL = "postgresql://api:very-secret@db.example.org/telepaypsql"
KEY = "k" * 32


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """A complete environment."""
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setenv("DATABASE_URL", URL)
    monkeypatch.setenv("JWT_SECRET_KEY", KEY)
    return monkeypatch


def test_two_variables_are_enough() -> None:
    settings = read_settings()
    assert (settings.database_url, settings.jwt_secret_key.get_secret_value()) == (URL, KEY)
    assert settings.cors_origins == []


def test_no_secret_is_shown() -> None:
    for shown in (repr(read_settings()), str(read_settings())):
        assert "very-secret" not in shown
        assert KEY not in shown


def test_origins_are_separated_by_commas(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("CORS_ORIGINS", " https://A.example.org/, http://localhost:3000 ,")
    assert read_settings().cors_origins == ["https://a.example.org", "http://localhost:3000"]


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("DATABASE_URL", None, "DATABASE_URL is not set"),
        ("DATABASE_URL", "", "must begin with postgresql://"),
        ("DATABASE_URL", "mysql://api:very-secret@somewhere/db", "must begin with postgresql://"),
        ("JWT_SECRET_KEY", None, "JWT_SECRET_KEY is not set"),
        ("JWT_SECRET_KEY", "", "JWT_SECRET_KEY is too short"),
        ("JWT_SECRET_KEY", "very-secret", "JWT_SECRET_KEY is too short"),
        ("CORS_ORIGINS", "front.example.org", "CORS_ORIGINS: give origins"),
        ("CORS_ORIGINS", "*", "CORS_ORIGINS: \\* would let every page call"),
        ("CORS_ORIGINS", "https://front.example.org, *", "name the origins"),
        ("CORS_ORIGINS", "https://*.example.org", "name the origins"),
        ("CORS_ORIGINS", "https://front.example.org/app", "CORS_ORIGINS: give origins"),
        ("CORS_ORIGINS", "null", "CORS_ORIGINS: give origins"),
        ("LOGIN_LIMIT_PER_USERNAME", "often", "a login limit is written as in"),
        ("POOL_MAX_SIZE", "0", "POOL_MAX_SIZE: "),
        ("POOL_TIMEOUT", "soon", "POOL_TIMEOUT: "),
    ],
)
def test_what_is_missing_or_wrong_is_said_in_one_sentence(
    environment: pytest.MonkeyPatch, name: str, value: str | None, sentence: str
) -> None:
    if value is None:
        environment.delenv(name)
    else:
        environment.setenv(name, value)
    with pytest.raises(SettingsInvalid, match=sentence) as caught:
        read_settings()
    assert "\n" not in str(caught.value)
    assert "very-secret" not in str(caught.value)
