"""What is run in every order: the races that the rule, the limit and the delivery must stand."""

from tests.trust.interleave import COMMIT, Spec, Step

Pair = tuple[str, str]

ONE: Pair = ("-1001000001", "-1002000001")
TWO: Pair = ("-1001000002", "-1002000002")
USER, OTHER = "00000001-0000-0000-0000-000000000000", "00000002-0000-0000-0000-000000000000"

EMPTY = (
    # Not DELETE: what is left of earlier orders in pages and statistics decides what SERIALIZABLE refuses, and when.
    "SET LOCAL broadcast_manager.allow_truncate = 'on'",
    "TRUNCATE registered_users, main_clients_database, broadcast_manager, broadcast.deliveries CASCADE",
    *(
        "INSERT INTO registered_users (user_id, username, email, password_hash)"
        f" VALUES ('{user}', '{user}', '{user}', 'x')"
        for user in (USER, OTHER)
    ),
)
# The first statement takes the snapshot that REPEATABLE READ and SERIALIZABLE keep.
LOOK = Step("look", "SELECT count(*) FROM main_clients_database")


def insert(pair: Pair, user: str = USER, rest: str = "") -> str:
    """INSERT of a channel."""
    return (
        "INSERT INTO main_clients_database (open_channel_id, closed_channel_id, client_id,"
        " closed_channel_donation_message, sub_1_price, sub_1_time, client_wallet_address, client_payout_currency,"
        f" client_payout_network) VALUES ('{pair[0]}', '{pair[1]}', '{user}', 'Thanks a lot.', 5, 30, '0x1', 'USDT',"
        f" 'ETH'){rest}"
    )


def insert_row(pair: Pair) -> str:
    """INSERT of a broadcast row by an older writer."""
    return (
        "INSERT INTO broadcast_manager (client_id, open_channel_id, closed_channel_id)"
        f" VALUES ('{USER}', '{pair[0]}', '{pair[1]}')"
    )


def register(pair: Pair) -> str:
    """register_channel()."""
    return (
        f"SELECT broadcast.register_channel('{USER}', 'tests', jsonb_build_object('open_channel_id', '{pair[0]}',"
        f" 'closed_channel_id', '{pair[1]}', 'closed_channel_donation_message', 'Thanks a lot.', 'tier_count', 1,"
        " 'sub_1_price', 5, 'sub_1_time', 30, 'client_wallet_address', '0x1', 'client_payout_currency', 'USDT',"
        " 'client_payout_network', 'ETH'))"
    )


def where(pair: Pair) -> str:
    """The condition that finds a pair."""
    return f"WHERE open_channel_id = '{pair[0]}' AND closed_channel_id = '{pair[1]}'"


def limit(count: int) -> str:
    """Let a client have so many channels."""
    return f"UPDATE broadcast.settings SET max_channels_per_client = {count}"


ABOVE_LIMIT = (
    "SELECT FROM broadcast.settings WHERE max_channels_per_client <"
    f" (SELECT count(*) FROM main_clients_database WHERE client_id = '{USER}')"
)
DELETE_ONE = Step("delete", f"DELETE FROM main_clients_database {where(ONE)}")
MOVE_ONE = Step(
    "move",
    f"UPDATE main_clients_database SET open_channel_id = '{TWO[0]}', closed_channel_id = '{TWO[1]}' {where(ONE)}",
)
GIVE_ONE, GIVE_TWO = (
    Step(f"give {number}", f"UPDATE main_clients_database SET client_id = '{OTHER}' {where(pair)}")
    for number, pair in ((1, ONE), (2, TWO))
)
CLAIM = Step("claim", "SELECT * FROM broadcast.claim_due_broadcasts('b', 1)")
INTEND = Step("intend", "SELECT * FROM broadcast.intend_part((SELECT max(id) FROM broadcast.deliveries), 'b', 'open')")
REQUEST = Step("request", f"SELECT broadcast.request_broadcast(id, '{USER}') FROM broadcast_manager")
BACKFILL = Step(
    "backfill",
    f"SELECT broadcast.backfill_broadcast_batch(ARRAY['{ONE[0]}', '{TWO[0]}'], ARRAY['{ONE[1]}', '{TWO[1]}'], '0')",
)
INSERT_ONE, INSERT_TWO = Step("insert", insert(ONE)), Step("insert", insert(TWO))

SPECS = (
    Spec(
        "insert against insert of the same pair",
        EMPTY,
        ((LOOK, INSERT_ONE, COMMIT), (LOOK, INSERT_ONE, COMMIT)),
    ),
    Spec(
        "three inserts of the same pair",
        EMPTY,
        ((INSERT_ONE, COMMIT), (INSERT_ONE, COMMIT), (INSERT_ONE, COMMIT)),
    ),
    Spec(
        "insert against delete",
        (*EMPTY, insert(ONE)),
        ((LOOK, INSERT_ONE, COMMIT), (LOOK, DELETE_ONE, COMMIT)),
    ),
    Spec(
        "insert against the owner's deletion",
        EMPTY,
        (
            (LOOK, INSERT_ONE, COMMIT),
            (LOOK, Step("delete", f"DELETE FROM registered_users WHERE user_id = '{USER}'"), COMMIT),
        ),
    ),
    Spec(
        "pair update against worker's claim",
        (*EMPTY, insert(ONE)),
        ((LOOK, MOVE_ONE, COMMIT), (LOOK, CLAIM, INTEND, COMMIT)),
    ),
    Spec(
        "pair update against insert of the new pair",
        (*EMPTY, insert(ONE)),
        ((LOOK, MOVE_ONE, COMMIT), (LOOK, INSERT_TWO, COMMIT)),
    ),
    Spec(
        "two channels given away in opposite order",
        (*EMPTY, insert(ONE), insert(TWO)),
        ((GIVE_ONE, GIVE_TWO, COMMIT), (GIVE_TWO, GIVE_ONE, COMMIT)),
    ),
    Spec(
        "owner update against manual trigger",
        (*EMPTY, insert(ONE)),
        (
            (LOOK, GIVE_ONE, COMMIT),
            (LOOK, REQUEST, COMMIT),
        ),
    ),
    Spec(
        "takeover against insert of the same pair",
        EMPTY,
        ((INSERT_ONE, Step("take over", insert_row(ONE)), COMMIT), (LOOK, INSERT_ONE, COMMIT)),
    ),
    Spec(
        "takeover against insert or nothing",
        EMPTY,
        (
            (INSERT_ONE, Step("take over", insert_row(ONE)), COMMIT),
            (LOOK, Step("insert", insert(ONE, rest=" ON CONFLICT DO NOTHING")), COMMIT),
        ),
    ),
    Spec(
        "backfill against insert and delete",
        (*EMPTY, insert(ONE)),
        ((BACKFILL, COMMIT), (INSERT_TWO, COMMIT), (DELETE_ONE, COMMIT)),
        bypass=(f"DELETE FROM broadcast_manager {where(ONE)}",),
        missing=(ONE,),
    ),
    Spec(
        "register at the limit against register",
        (*EMPTY, limit(1)),
        (
            (LOOK, Step("register", register(ONE)), COMMIT),
            (LOOK, Step("register", register(TWO)), COMMIT),
        ),
        invariant=ABOVE_LIMIT,
    ),
    Spec(
        "register at the limit against delete and register",
        (*EMPTY, limit(1), insert(ONE)),
        (
            (Step("register", register(TWO)), COMMIT),
            (DELETE_ONE, COMMIT),
            (Step("register", register(("-1001000003", "-1002000003"))), COMMIT),
        ),
        invariant=ABOVE_LIMIT,
    ),
)
