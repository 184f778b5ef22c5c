"""Deleting a client takes time by the number of its channels, however many channels others have on the average."""

from collections.abc import Callable

from tools import databases

CHANNELS = 400
READS = "SELECT sum(idx_tup_read)::bigint FROM pg_stat_user_indexes WHERE relname = 'broadcast_manager'"


def test_deletion_reads_each_row_a_few_times(new_database: Callable[[str], str], adopted_template: str) -> None:
    url = new_database(adopted_template)
    with databases.connect(url) as conn:
        # As on most platforms: almost everybody has one channel.
        for _ in range(3 * CHANNELS):
            databases.add_channel(conn, databases.add_user(conn))
        client = databases.add_user(conn)
        for _ in range(CHANNELS):
            databases.add_channel(conn, client)
        conn.execute("ANALYZE")
        conn.execute("SELECT pg_stat_force_next_flush()")
        (before,) = conn.execute(READS).fetchone() or (0,)
        conn.execute("DELETE FROM registered_users WHERE user_id = %s", [client])
        conn.execute("SELECT pg_stat_force_next_flush()")
        conn.execute("SELECT pg_stat_clear_snapshot()")
        (after,) = conn.execute(READS).fetchone() or (0,)
    assert after - before < 20 * CHANNELS
