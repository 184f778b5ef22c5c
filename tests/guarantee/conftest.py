"""What every test of the guarantee starts from, beside a database with the rule: an owner of channels."""

from typing import Any
from uuid import UUID

import psycopg
import pytest

from tools.databases import add_user


@pytest.fixture
def client(conn: psycopg.Connection[Any]) -> UUID:
    """A registered user."""
    return add_user(conn)
