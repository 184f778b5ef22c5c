"""Which payout currencies go with which networks: what a form offers, so without a token."""

from fastapi import APIRouter, Response

from pyapi.channels.mappings import read_currency_networks
from pyapi.web.api import examples
from pyapi.web.api.bodies import CurrencyNetworks
from pyapi.web.api.dependencies import Connection

router = APIRouter(prefix="/mappings", tags=["mappings"])


@router.get(
    "/currency-network",
    response_model=CurrencyNetworks,
    responses=examples.answers(200, examples.CURRENCY_NETWORKS, *examples.DATABASE),
)
async def currency_network(conn: Connection) -> Response:
    """The pairs of the platform's list; without one all pairs of the two enums, or else what channels use."""
    return Response(await read_currency_networks(conn), media_type="application/json")
