"""DATABASE_URL in the forms that libpq and SQLAlchemy take."""

import pytest
from psycopg.conninfo import conninfo_to_dict
from sqlalchemy import create_engine, make_url

from pyapi.database_url import (
    DatabaseUrlInvalid,
    DatabaseUrlMissing,
    database_url,
    libpq_url,
    sqlalchemy_url,
)

URLS = [
    "postgresql://me:p%40ss%2Fw%3F@db.example:5433/telepaypsql?sslmode=require&connect_timeout=3",
    "postgresql://me@/telepaypsql?host=/run/socket&port=5433",
    "postgresql://me@%2Frun%2Fsocket/telepaypsql",
    f"postgresql://me@/telepaypsql?host=/run/{'x' * 64}/..",
    "postgresql:///telepaypsql?host=/run/socket&user=me&password=se%20cret",
    "postgresql://[::1]:5432/telepaypsql?options=-c%20search_path%3Dpublic",
    "postgresql://one:5432,two:5433/telepaypsql?target_session_attrs=read-write",
    "postgresql://db.example/a%20b%2Bc",
    "postgresql:///",
]


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+psycopg"])
def test_every_scheme_becomes_libpqs(scheme: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", f"{scheme}://me@db.example/telepaypsql?host=/run/socket")
    assert database_url() == "postgresql://me@db.example/telepaypsql?host=/run/socket"


@pytest.mark.parametrize("url", URLS)
def test_sqlalchemy_connects_with_the_same_parameters(url: str) -> None:
    engine = create_engine(sqlalchemy_url(url))
    _, given = engine.dialect.create_connect_args(engine.url)
    given.pop("context", None)
    wanted = {key: str(value) for key, value in conninfo_to_dict(url).items()}
    assert {key: str(value) for key, value in given.items()} == wanted


def test_a_sqlalchemy_url_leads_back_to_itself() -> None:
    once = sqlalchemy_url(URLS[0])
    assert once.startswith("postgresql+psycopg://")
    assert sqlalchemy_url(once) == once
    assert make_url(once).password == "p@ss/w?"  # noqa: S105


def test_sqlalchemys_url_is_that_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", URLS[0])
    assert sqlalchemy_url() == sqlalchemy_url(URLS[0])
    monkeypatch.delenv("DATABASE_URL")
    with pytest.raises(DatabaseUrlMissing):
        sqlalchemy_url()


@pytest.mark.parametrize("value", [None, "", "  "])
def test_a_missing_url_is_told(value: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DATABASE_URL", raising=False)
    if value is not None:
        monkeypatch.setenv("DATABASE_URL", value)
    with pytest.raises(DatabaseUrlMissing, match="DATABASE_URL is not set"):
        database_url()


@pytest.mark.parametrize(
    "url",
    [
        "telepaypsql",
        "mysql://me:secret@db.example/telepaypsql",
        "postgresql+asyncpg://me:secret@db.example/telepaypsql",
        "postgresql://me:secret@db.example/telepaypsql?no_such_parameter=1",
        "postgresql://me:secret%zz@db.example/telepaypsql",
        f"postgresql://me:secret@{'x' * 64}/telepaypsql",
        "postgresql://me:secret@db..example,two/telepaypsql",
    ],
)
def test_an_invalid_url_is_told_without_its_password(url: str) -> None:
    with pytest.raises(DatabaseUrlInvalid) as refused:
        libpq_url(url)
    assert "secret" not in str(refused.value)
    assert refused.value.__suppress_context__ or refused.value.__context__ is None
