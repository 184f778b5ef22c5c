"""The live database as it is found: users, channels, and what the years left wrong in it."""

from typing import LiteralString

from psycopg import sql

from tools import databases

# What of n channels is wrong, as design section 4 lists it: 3 in 100 lack their row, 1 in 600 has a row of another
# owner, and there is one orphan for every 100 channels.
MISSING_OF_100 = 3
WRONG_OWNER_EVERY = 600
WRONG_OWNER_AT = 50
CHANNELS_PER_ORPHAN = 100
CHANNELS_PER_USER = 10
# Users are dealt out to so many clients, and these never meet on a row: a wait is the server's or the migration's.
SHARES = 6

_USERS: LiteralString = """
INSERT INTO public.registered_users (user_id, username, email, password_hash)
SELECT lpad(to_hex(u), 32, '0')::uuid, 'user_' || u, 'user_' || u || '@example.org', '$2b$12$' || repeat('x', 53)
FROM generate_series(1, {users}) AS u
"""

_CHANNELS: LiteralString = """
INSERT INTO public.main_clients_database (
  id, open_channel_id, open_channel_title, open_channel_description,
  closed_channel_id, closed_channel_title, closed_channel_description, closed_channel_donation_message,
  sub_1_price, sub_1_time, client_wallet_address, client_payout_currency, client_payout_network, client_id, created_by
)
SELECT
  n, '-1003' || lpad(n::text, 9, '0'), 'Morning signals', 'What moved over night, free for everyone',
  '-1004' || lpad(n::text, 9, '0'), 'Morning signals, inside', 'Entries, exits and the reasons for them',
  'If the signals paid for your breakfast, buy us one.',
  5.00, 30, '0x71C7656EC7ab88b098defB751B7401B5f6d8976F', 'USDT', 'ETH',
  lpad(to_hex((n - 1) / {per_user} + 1), 32, '0')::uuid, 'old'
FROM generate_series(1, {channels}) AS n
"""

_BROADCASTS: LiteralString = """
INSERT INTO public.broadcast_manager (
  client_id, open_channel_id, closed_channel_id,
  last_sent_time, next_send_time, broadcast_status, total_broadcasts, successful_broadcasts
)
SELECT
  CASE WHEN c.id % {wrong_every} = {wrong_at} AND c.id + {next_user} <= {channels}
    THEN lpad(to_hex((c.id - 1) / {per_user} + 1 + {shares}), 32, '0')::uuid
    ELSE c.client_id
  END,
  c.open_channel_id, c.closed_channel_id,
  now() - interval '1 day' * random(), now() + interval '1 day' * random(), 'completed', c.id % 300, c.id % 300
FROM public.main_clients_database AS c
WHERE c.id % 100 >= {missing}
"""

_ORPHANS: LiteralString = """
INSERT INTO public.broadcast_manager (client_id, open_channel_id, closed_channel_id, total_broadcasts)
SELECT
  lpad(to_hex(n % {users} + 1), 32, '0')::uuid, '-1008' || lpad(n::text, 9, '0'), '-1008' || lpad(n::text, 9, '0'), 5
FROM generate_series(1, {orphans}) AS n
"""

_SEQUENCE: LiteralString = "SELECT setval(pg_get_serial_sequence('public.main_clients_database', 'id'), {channels})"


def fill(url: str, channels: int) -> None:
    """Load the schema of the live system into an empty database and fill it with that many channels."""
    databases.load(url, databases.EXISTING_SCHEMA)
    numbers = {
        "channels": channels,
        "users": max(channels // CHANNELS_PER_USER, 1),
        "orphans": channels // CHANNELS_PER_ORPHAN,
        "per_user": CHANNELS_PER_USER,
        "missing": MISSING_OF_100,
        "wrong_every": WRONG_OWNER_EVERY,
        "wrong_at": WRONG_OWNER_AT,
        "next_user": SHARES * CHANNELS_PER_USER,
        "shares": SHARES,
    }
    literals = {name: sql.Literal(value) for name, value in numbers.items()}
    with databases.connect(url) as conn:
        for statement in (_USERS, _CHANNELS, _BROADCASTS, _ORPHANS, _SEQUENCE):
            conn.execute(sql.SQL(statement).format(**literals))
        conn.execute("VACUUM ANALYZE public.registered_users, public.main_clients_database, public.broadcast_manager")


def lacks_row(channel: int) -> bool:
    """Tell whether the channel with this id was made without a broadcast row."""
    return channel % 100 < MISSING_OF_100


def has_wrong_owner(channel: int) -> bool:
    """Tell whether the broadcast row of the channel with this id was made with another owner."""
    return channel % WRONG_OWNER_EVERY == WRONG_OWNER_AT
