"""Whether the rule is in force, read from the catalogue alone: cheap enough to ask all the time."""

from typing import Any

from psycopg import AsyncConnection

from pyapi.queries import QUERIES


async def read_rule_parts(conn: AsyncConnection[Any]) -> dict[str, bool]:
    """Each trigger and key of the rule, and whether it is in force (view broadcast.rule_parts).

    Raises:
        psycopg.Error: the database did not answer, or was not upgraded.
    """
    cursor = await conn.execute(QUERIES["rule_parts"])
    return {str(part): bool(in_force) for part, in_force in await cursor.fetchall()}
