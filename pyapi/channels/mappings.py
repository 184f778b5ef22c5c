"""Which payout currencies go with which networks, as broadcast.currency_network_mappings() tells it."""

from typing import Any

from psycopg import AsyncConnection

from pyapi.queries import QUERIES


async def read_currency_networks(conn: AsyncConnection[Any]) -> str:
    """The lists that a form offers.

    Returns:
        JSON text, for the API as it is.

    Raises:
        psycopg.Error: the database did not answer.
    """
    row = await (await conn.execute(QUERIES["currency_network_mappings"])).fetchone()
    return str(row[0]) if row else "{}"
