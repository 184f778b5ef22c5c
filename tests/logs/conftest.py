"""What the application logs, as whoever reads standard error gets it."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from pyapi import logs
from tests.api.conftest import anonymous as anonymous
from tests.api.conftest import api_role as api_role
from tests.api.conftest import base_url as base_url
from tests.api.conftest import new_person as new_person
from tests.api.conftest import other as other
from tests.api.conftest import owner_conn as owner_conn
from tests.api.conftest import person as person
from tests.api.conftest import world as world
from tests.delivery.conftest import client as client
from tests.delivery.conftest import conn as conn
from tests.delivery.conftest import settings as settings
from tests.delivery.conftest import telegram as telegram
from tests.delivery.conftest import worker_role as worker_role
from tests.delivery.conftest import worker_url as worker_url

Line = dict[str, Any]


@pytest.fixture
def lines(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[Line]]:
    """Gives every line that was logged since this fixture was asked for, down to debug; each must be JSON."""
    monkeypatch.setenv("LOG_LEVEL", "debug")
    logs.configure()
    logged: list[Line] = []

    def read() -> list[Line]:
        logged.extend(json.loads(line) for line in capsys.readouterr().err.splitlines())
        return logged

    return read
