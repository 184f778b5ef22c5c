"""Whether the service can do its work; for load balancers and people, so without a token."""

from typing import Literal

import psycopg
from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from pyapi.checks.rule_parts import read_rule_parts
from pyapi.pool import connection
from pyapi.web.api import examples
from pyapi.web.api.bodies import Health, Unhealthy
from pyapi.web.failures import DATABASE_UNAVAILABLE, failure_of

router = APIRouter(tags=["health"])


@router.get(
    "/health",
    response_model=Health,
    responses={
        200: {"content": {"application/json": {"example": examples.HEALTHY}}},
        503: {"model": Unhealthy, "content": {"application/json": {"example": examples.UNHEALTHY}}},
    },
)
async def health(request: Request) -> Health | JSONResponse:
    """Ask the database, and whether each trigger and key of the rule is in force."""
    database: Literal["ok", "unavailable", "not_ready"] = "ok"
    rule: dict[str, bool] = {}
    try:
        async with connection(request.app.state.pool) as conn:
            rule = await read_rule_parts(conn)
    except psycopg.Error as error:
        database = "unavailable" if failure_of(error) is DATABASE_UNAVAILABLE else "not_ready"
    if database == "ok" and rule and all(rule.values()):
        return Health(status="healthy", database="ok", rule=rule)
    unhealthy = Unhealthy(
        success=False,
        error=examples.UNHEALTHY["error"],
        code="unhealthy",
        status="unhealthy",
        database=database,
        rule=rule,
    )
    return JSONResponse(unhealthy.model_dump(exclude_none=True), 503)
