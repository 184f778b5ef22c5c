"""Health tells what it looked at, and 503 when it is not well."""

from collections.abc import Iterator
from typing import Any

import httpx
import psycopg
import pytest
from pydantic import SecretStr

from pyapi.settings import Settings
from tests.api.calls import SECRET, World, new_world, refused, served
from tests.functions.test_rule_parts import PARTS


@pytest.fixture
def world(server_url: str, template: str, api_role: str) -> Iterator[World]:
    """An application of its own for each test."""
    with new_world(server_url, template, api_role) as made:
        yield made


def test_a_healthy_service_tells_what_it_checked(base_url: str) -> None:
    answer = httpx.get(f"{base_url}/api/health", timeout=30)
    assert answer.status_code == 200
    assert answer.json() == {"status": "healthy", "database": "ok", "rule": dict.fromkeys(PARTS, True)}


@pytest.mark.parametrize(
    ("statement", "part"),
    [
        ("ALTER TABLE public.main_clients_database DISABLE TRIGGER create_broadcast_rows", "create_broadcast_rows"),
        (
            "ALTER TABLE public.main_clients_database DROP CONSTRAINT main_clients_database_pair_fkey",
            "main_clients_database_pair_fkey",
        ),
    ],
)
def test_a_part_that_is_not_in_force_is_503(
    base_url: str, owner_conn: psycopg.Connection[Any], statement: str, part: str
) -> None:
    owner_conn.execute(statement.encode())
    body = refused(httpx.get(f"{base_url}/api/health", timeout=30), 503, "unhealthy")
    assert (body["status"], body["database"]) == ("unhealthy", "ok")
    assert {name for name, in_force in body["rule"].items() if not in_force} == {part}


def test_a_database_that_was_not_upgraded_is_503(old_database: str) -> None:
    with served(Settings(database_url=old_database, jwt_secret_key=SecretStr(SECRET))) as (url, _):
        body = refused(httpx.get(f"{url}/api/health", timeout=30), 503, "unhealthy")
        assert (body["database"], body["rule"]) == ("not_ready", {})
        answer = httpx.post(f"{url}/api/auth/login", json={"username": "x", "password": "y"}, timeout=30)
        refused(answer, 503, "database_not_ready")
