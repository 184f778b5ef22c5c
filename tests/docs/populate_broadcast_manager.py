"""A one-time script as it was run before the rule: fills broadcast_manager from the channels."""

import os

import psycopg

MISSING = """
SELECT c.client_id, c.open_channel_id, c.closed_channel_id
FROM main_clients_database AS c
LEFT JOIN broadcast_manager AS b
    ON b.open_channel_id = c.open_channel_id AND b.closed_channel_id = c.closed_channel_id
WHERE b.id IS NULL
"""
INSERT = """
INSERT INTO broadcast_manager (client_id, open_channel_id, closed_channel_id, next_send_time, broadcast_status)
VALUES (%s, %s, %s, now(), 'pending')
ON CONFLICT (open_channel_id, closed_channel_id) DO NOTHING
RETURNING id
"""


def main() -> None:
    """Insert a row for each channel that has none."""
    with psycopg.connect(os.environ["DATABASE_URL"]) as conn:
        channels = conn.execute(MISSING).fetchall()
        print(f"🔍 {len(channels)} channels without a broadcast row")
        created = sum(conn.execute(INSERT, channel).fetchone() is not None for channel in channels)
        print(f"✅ {created} rows created")


if __name__ == "__main__":
    main()
