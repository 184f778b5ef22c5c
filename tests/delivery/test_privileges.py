"""What a worker's role may do: call the delivery functions, and look; nothing else."""

import psycopg
import pytest

from tests.delivery.broadcasts import Conn, add_broadcast
from tests.delivery.calls import claim, step
from tools.databases import connect


def test_worker_delivers_with_its_role_alone(conn: Conn, worker_url: str) -> None:
    add_broadcast(conn)
    with connect(worker_url) as own:
        (delivery,) = claim(own)
        step(own, delivery)
        step(own, delivery, part="open", attempt=1, outcome="sent", message_id=1)
        assert step(own, delivery, part="closed", attempt=1, outcome="sent", message_id=2)["ended_as"] == "sent"
        for function in ("release_expired_claims", "forget_old_deliveries"):
            own.execute(f"SELECT broadcast.{function}()".encode())


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT FROM registered_users",
        "SELECT FROM main_clients_database",
        "SELECT FROM broadcast_manager",
        "UPDATE broadcast_manager SET is_active = FALSE",
        "UPDATE broadcast.settings SET claim_lease = '1 h'",
        "DELETE FROM broadcast.deliveries",
        "UPDATE broadcast.delivery_parts SET state = 'failed'",
        "UPDATE broadcast.bot_slot SET next_slot = now()",
        "SELECT broadcast.request_broadcast(gen_random_uuid(), gen_random_uuid())",
        "SELECT broadcast.register_channel(gen_random_uuid(), 'x', '{}')",
    ],
)
def test_worker_may_do_nothing_else(worker_url: str, statement: str) -> None:
    with connect(worker_url) as own, pytest.raises(psycopg.errors.InsufficientPrivilege):
        own.execute(statement.encode())
