"""The application with its API and dashboard, a client of it, and a victim."""

import bcrypt
import pytest

from tests.api.conftest import anonymous as anonymous
from tests.api.conftest import api_role as api_role
from tests.api.conftest import base_url as base_url
from tests.api.conftest import new_person as new_person
from tests.api.conftest import other as other
from tests.api.conftest import owner_conn as owner_conn
from tests.api.conftest import person as person
from tests.api.conftest import world as world


@pytest.fixture(autouse=True)
def cheap_check(monkeypatch: pytest.MonkeyPatch) -> None:
    """Check names that nobody has as cheaply as others; tests/api/test_auth.py looks at the real cost."""
    monkeypatch.setattr("pyapi.channels.passwords._NOBODY", _NOBODY)


_NOBODY = bcrypt.hashpw(b"nobody's", bcrypt.gensalt(4))
