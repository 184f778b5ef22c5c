"""The OpenAPI document: it is true, and shows one example of each answer."""

import os
from typing import Any

import httpx
import jsonschema_rs
import psycopg
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from schemathesis.checks import CHECKS, load_all_checks
from schemathesis.core.result import Ok

from tests.api.calls import Person, registration

# What the contract promises, call by call.
ANSWERS = {
    "POST /api/auth/login": {"200", "400", "401", "403", "413", "429", "503"},
    "POST /api/auth/refresh": {"200", "401", "403", "503"},
    "GET /api/auth/me": {"200", "401", "403", "503"},
    "POST /api/channels/register": {"201", "400", "401", "403", "409", "413", "500", "503"},
    "GET /api/channels": {"200", "400", "401", "403", "503"},
    "GET /api/channels/{open_channel_id}": {"200", "400", "401", "403", "404", "409", "503"},
    "PUT /api/channels/{open_channel_id}": {"200", "400", "401", "403", "404", "409", "413", "500", "503"},
    "DELETE /api/channels/{open_channel_id}": {"200", "400", "401", "403", "404", "409", "500", "503"},
    "POST /api/broadcast/trigger": {"200", "400", "401", "403", "404", "409", "413", "429", "500", "503"},
    "POST /api/broadcast/reactivate": {"200", "400", "401", "403", "404", "409", "413", "429", "500", "503"},
    "POST /api/broadcast/pause": {"200", "400", "401", "403", "404", "413", "500", "503"},
    "POST /api/broadcast/skip": {"200", "400", "401", "403", "404", "409", "413", "500", "503"},
    "PUT /api/broadcast/schedule": {"200", "400", "401", "403", "404", "413", "500", "503"},
    "POST /api/broadcast/execute": {"200", "401", "403", "503"},
    "GET /api/broadcast/status/{broadcast_id}": {"200", "401", "403", "404", "503"},
    "GET /api/broadcast/history/{broadcast_id}": {"200", "400", "401", "403", "404", "503"},
    "GET /api/mappings/currency-network": {"200", "503"},
    "GET /api/health": {"200", "503"},
}


@pytest.fixture
def document(base_url: str) -> dict[str, Any]:
    """The document as it is served."""
    answer = httpx.get(f"{base_url}/openapi.json", timeout=30)
    assert answer.status_code == 200
    found: dict[str, Any] = answer.json()
    return found


def operations(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {
        f"{method.upper()} {path}": operation
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    }


def test_the_document_names_each_call_and_each_answer(document: dict[str, Any]) -> None:
    found = {call: set(operation["responses"]) for call, operation in operations(document).items()}
    assert found == ANSWERS


def test_each_answer_has_an_example_that_fits_its_schema(document: dict[str, Any]) -> None:
    seen = 0
    for call, operation in operations(document).items():
        for status, answer in operation["responses"].items():
            content = answer["content"]["application/json"]
            examples = (
                [content["example"]] if "example" in content else [e["value"] for e in content["examples"].values()]
            )
            assert examples, (call, status)
            schema = {**content["schema"], "components": document["components"]}
            for example in examples:
                jsonschema_rs.validate(schema, example)
                assert example.get("success", True) is (int(status) < 400), (call, status)
                seen += 1
    assert seen > 80


def test_each_failure_of_the_contract_is_among_the_examples(document: dict[str, Any]) -> None:
    codes = {
        code
        for operation in operations(document).values()
        for answer in operation["responses"].values()
        for code in answer["content"]["application/json"].get("examples", {})
    }
    assert codes == {
        *("login_failed", "login_rate_limited", "token_invalid", "account_inactive"),
        *("validation_failed", "content_too_large", "database_unavailable", "database_not_ready"),
        *("channel_limit_reached", "channel_pair_taken", "channel_not_found", "channel_forbidden"),
        *("channel_ambiguous", "channel_incomplete", "channel_invalid", "channel_owner_unknown"),
        *("broadcast_not_found", "broadcast_forbidden", "broadcast_inactive", "broadcast_in_progress"),
        *("broadcast_rate_limited", "broadcast_without_turns", "broadcast_rule_broken"),
        *("operators_only", "delivery_not_configured", "telegram_unavailable", "sending_off"),
    }


def test_the_example_of_a_registration_can_be_registered(person: Person, document: dict[str, Any]) -> None:
    schema = document["components"]["schemas"]["PlannedRegistration"]
    body = operations(document)["POST /api/channels/register"]["requestBody"]["content"]["application/json"]["schema"]
    example = body["examples"][0]
    assert set(example) <= set(schema["properties"])
    assert person.http.post("/api/channels/register", json=example).status_code == 201


def test_schemathesis_finds_nothing(
    base_url: str, person: Person, owner_conn: psycopg.Connection[Any], request: pytest.FixtureRequest
) -> None:
    """Calls made up from the document, right and wrong ones: each answer is one that the document tells of."""
    chosen: int = request.getfixturevalue("seed")
    owner_conn.execute("UPDATE broadcast.settings SET max_channels_per_client = 100000")
    person.http.post("/api/channels/register", json=registration(open_channel_id="-1003268562225"))
    load_all_checks()
    # A channel that fits the document may still break a rule across fields, which no schema can tell.
    excluded: list[Any] = [CHECKS.get_one("positive_data_acceptance")]
    schema = schemathesis.openapi.from_url(f"{base_url}/openapi.json")
    calls = 0
    for result in schema.get_all_operations():
        assert isinstance(result, Ok)
        operation = result.ok()

        @seed(chosen)
        @settings(
            max_examples=int(os.environ.get("TEST_EXAMPLES") or 40),
            deadline=None,
            database=None,
            phases=[Phase.explicit, Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        def check(case: schemathesis.Case[Any]) -> None:
            nonlocal calls
            calls += 1
            token = person.refresh_token if case.path.endswith("/refresh") else person.access_token
            case.call_and_validate(headers={"Authorization": f"Bearer {token}"}, excluded_checks=excluded)

        given(case=operation.as_strategy())(check)()
    assert calls > 12 * 5
    assert person.http.get("/api/health").status_code == 200
