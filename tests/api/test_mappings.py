"""Which currencies and networks go together: from the platform's table, else the two enums, else what channels use."""

from collections.abc import Callable, Iterator
from typing import Any

import httpx
import psycopg
import pytest

from tests.api.calls import Person, World, new_world, refused, registration
from tests.dashboard.visitor import Visitor, channel_form
from tools import databases

Conn = psycopg.Connection[Any]
PATH = "/api/mappings/currency-network"
TABLE = """
CREATE TABLE public.currency_to_network (
    currency varchar(20), network varchar(20), currency_name varchar(50), network_name varchar(50)
);
INSERT INTO public.currency_to_network VALUES
    ('USDT', 'ETH', 'Tether', 'Ethereum'), ('USDT', 'TRX', 'Tether', NULL), ('ETH', 'ETH', NULL, 'Ethereum'),
    ('USDT', 'ETH', NULL, NULL), (NULL, 'ETH', 'nothing', NULL), ('ETH', NULL, 'nothing', NULL), ('', 'ETH', '', '')
"""
FROM_TABLE = {
    "network_to_currencies": {
        "ETH": [{"currency": "ETH", "currency_name": "ETH"}, {"currency": "USDT", "currency_name": "Tether"}],
        "TRX": [{"currency": "USDT", "currency_name": "Tether"}],
    },
    "currency_to_networks": {
        "ETH": [{"network": "ETH", "network_name": "Ethereum"}],
        "USDT": [{"network": "ETH", "network_name": "Ethereum"}, {"network": "TRX", "network_name": "TRX"}],
    },
    "networks_with_names": {"ETH": "Ethereum", "TRX": "TRX"},
    "currencies_with_names": {"ETH": "ETH", "USDT": "Tether"},
}


@pytest.fixture
def world(server_url: str, template: str, api_role: str) -> Iterator[World]:
    """A database of its own for each test."""
    with new_world(server_url, template, api_role) as made:
        yield made


def mappings(anonymous: httpx.Client) -> Any:
    answer = anonymous.get(PATH)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_the_platforms_table_is_the_list(anonymous: httpx.Client, owner_conn: Conn) -> None:
    owner_conn.execute(TABLE)
    assert mappings(anonymous) == FROM_TABLE


@pytest.mark.parametrize(
    "change",
    [
        "ALTER TABLE public.currency_to_network ALTER currency TYPE text, ALTER network_name TYPE char(10)",
        "CREATE TYPE public.coin AS ENUM ('USDT', 'ETH', '');"
        "ALTER TABLE public.currency_to_network ALTER currency TYPE public.coin USING currency::public.coin",
        "ALTER TABLE public.currency_to_network ADD id serial PRIMARY KEY, ADD weight numeric DEFAULT 'NaN'",
        "ALTER TABLE public.currency_to_network RENAME TO listed;"
        "CREATE VIEW public.currency_to_network AS SELECT * FROM public.listed",
    ],
)
def test_its_columns_have_any_type(anonymous: httpx.Client, owner_conn: Conn, change: str) -> None:
    owner_conn.execute(TABLE)
    owner_conn.execute(change)
    found = mappings(anonymous)
    assert set(found["currency_to_networks"]) == {"ETH", "USDT"}
    assert [pair["currency"] for pair in found["network_to_currencies"]["ETH"]] == ["ETH", "USDT"]


def test_a_table_without_names_shows_the_codes(anonymous: httpx.Client, owner_conn: Conn) -> None:
    owner_conn.execute(TABLE)
    owner_conn.execute("ALTER TABLE public.currency_to_network DROP currency_name, DROP network_name")
    assert mappings(anonymous)["networks_with_names"] == {"ETH": "ETH", "TRX": "TRX"}


def test_a_table_that_may_not_be_read_is_no_list(
    anonymous: httpx.Client, person: Person, owner_conn: Conn, world: World, superuser: Callable[[str], str]
) -> None:
    owner_conn.execute(TABLE)
    with psycopg.connect(superuser(world.database), autocommit=True) as conn:
        conn.execute("ALTER TABLE public.currency_to_network OWNER TO CURRENT_USER")
        conn.execute("REVOKE ALL ON public.currency_to_network FROM PUBLIC")
    assert mappings(anonymous)["currency_to_networks"] == {}
    assert person.register(client_payout_currency="XMR").status_code == 201


def test_without_it_the_enums_are(anonymous: httpx.Client, owner_conn: Conn) -> None:
    owner_conn.execute("CREATE TYPE public.currency_type AS ENUM ('USDT', 'BTC')")
    owner_conn.execute("CREATE TYPE public.network_type AS ENUM ('ETH')")
    owner_conn.execute(
        "ALTER TABLE public.main_clients_database"
        " ALTER client_payout_currency TYPE public.currency_type USING client_payout_currency::public.currency_type,"
        " ALTER client_payout_network TYPE public.network_type USING client_payout_network::public.network_type"
    )
    assert mappings(anonymous)["network_to_currencies"] == {
        "ETH": [{"currency": "BTC", "currency_name": "BTC"}, {"currency": "USDT", "currency_name": "USDT"}]
    }


def test_else_what_channels_use_as_far_as_it_looks_like_a_code(
    anonymous: httpx.Client, person: Person, owner_conn: Conn
) -> None:
    nothing: dict[str, Any] = {name: {} for name in FROM_TABLE}
    assert mappings(anonymous) == nothing
    person.register()
    person.register(client_payout_currency="my secret", client_payout_network="<script>")
    assert mappings(anonymous)["currency_to_networks"] == {"USDT": [{"network": "ETH", "network_name": "ETH"}]}
    # An empty list is none.
    owner_conn.execute(TABLE)
    owner_conn.execute("DELETE FROM public.currency_to_network")
    assert mappings(anonymous)["currency_to_networks"] == {"USDT": [{"network": "ETH", "network_name": "ETH"}]}
    assert person.register(client_payout_currency="XMR", client_payout_network="XMR").status_code == 201


@pytest.mark.parametrize(
    ("currency", "network", "field"),
    [
        ("XMR", "ETH", "client_payout_currency"),
        ("usdt", "ETH", "client_payout_currency"),
        ("ETH", "TRX", "client_payout_network"),
        ("USDT", "XMR", "client_payout_network"),
    ],
)
def test_a_pair_that_is_not_in_the_list_is_refused_at_the_field(
    person: Person, base_url: str, owner_conn: Conn, currency: str, network: str, field: str
) -> None:
    before = person.register(client_payout_currency="XMR", client_payout_network="XMR")
    path = f"/api/channels/{before.json()['channel_id']}"
    owner_conn.execute(TABLE)
    pair = {"client_payout_currency": currency, "client_payout_network": network}
    for answer in (person.register(**pair), person.http.put(path, json=pair)):
        details = refused(answer, 400, "validation_failed")["details"]
        assert set(details) == {field}
        assert details[field].startswith("is none of the ")
    visitor = Visitor.signed_in(base_url, person)
    page = visitor.send("/channels/new", **channel_form(**pair))
    assert f'id="{field}-error"' in page.text
    visitor.http.close()
    # What was registered before there was a list can be edited in all else, and be made to fit.
    assert person.http.put(path, json={"open_channel_title": "Still mine"}).status_code == 200
    fitting = {"client_payout_currency": "USDT", "client_payout_network": "TRX"}
    assert person.http.put(path, json=fitting).json()["channel"]["client_payout_network"] == "TRX"


def test_the_form_offers_what_goes_together(person: Person, base_url: str, owner_conn: Conn) -> None:
    owner_conn.execute(TABLE)
    visitor = Visitor.signed_in(base_url, person)
    page = visitor.http.get("/channels/new").text
    assert '<option value="USDT" label="Tether" data-with="ETH TRX"></option>' in page
    assert '<option value="TRX" data-with="USDT"></option>' in page
    assert registration()["client_payout_currency"] in page
    visitor.http.close()


def test_what_channels_use_is_read_of_a_thousand(anonymous: httpx.Client, owner_conn: Conn) -> None:
    """Nobody signs in to ask, and a database may have millions."""
    databases.add_clients(owner_conn, 100, 10)
    user = databases.add_user(owner_conn)
    databases.add_channel(owner_conn, user)
    owner_conn.execute(
        "UPDATE public.main_clients_database SET client_payout_network = 'XYZ' WHERE client_id = %s", [user]
    )
    assert mappings(anonymous)["networks_with_names"] == {"ETH": "ETH"}
