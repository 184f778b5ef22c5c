"""A downgrade gives back what was there, and the way up leads to the same place again."""

from tests.migrations import builds
from tools import databases


def test_up_down_up_from_nothing_is_the_same(empty_database: str) -> None:
    databases.upgrade(empty_database)
    before = builds.fingerprint(empty_database)
    databases.downgrade(empty_database)
    databases.upgrade(empty_database)
    assert builds.fingerprint(empty_database) == before


def test_up_down_up_on_the_existing_database_is_the_same_and_keeps_every_row(old_database: str) -> None:
    builds.fill_old_database(old_database)
    old = builds.beside_the_rule(old_database)
    databases.upgrade(old_database)
    before, rows = builds.fingerprint(old_database), (builds.rows(old_database), all_rows(old_database))
    databases.downgrade(old_database)
    assert builds.beside_the_rule(old_database) == old
    assert (builds.rows(old_database), all_rows(old_database)) == rows
    databases.upgrade(old_database)
    assert builds.fingerprint(old_database) == before
    assert (builds.rows(old_database), all_rows(old_database)) == rows


def test_downgrade_leaves_nothing_of_ours_on_an_unfilled_database(old_database: str) -> None:
    before = builds.fingerprint(old_database), objects(old_database)
    databases.upgrade(old_database)
    databases.downgrade(old_database)
    assert [f for f in builds.fingerprint(old_database) if f.kind != "role"] == [
        f for f in before[0] if f.kind != "role"
    ]
    assert objects(old_database) == before[1]


def test_each_revision_goes_down_and_up_again(old_database: str) -> None:
    builds.fill_old_database(old_database)
    databases.upgrade(old_database)
    head = builds.fingerprint(old_database), builds.rows(old_database)
    for revision in reversed(builds.REVISIONS):
        databases.downgrade(old_database, "-1")
        below = builds.fingerprint(old_database), all_rows(old_database)
        databases.upgrade(old_database, "+1")
        assert builds.revision(old_database) == revision
        databases.downgrade(old_database, "-1")
        assert (builds.fingerprint(old_database), all_rows(old_database)) == below, revision
    databases.upgrade(old_database)
    assert (builds.fingerprint(old_database), builds.rows(old_database)) == head


def test_each_revision_on_the_way_up_can_be_the_last_for_a_while(old_database: str) -> None:
    builds.fill_old_database(old_database)
    for at in builds.REVISIONS:
        databases.upgrade(old_database, at)
        with databases.connect(old_database) as conn:
            pair = databases.add_channel(conn, databases.add_user(conn))
            conn.execute("DELETE FROM main_clients_database WHERE open_channel_id = %s", [pair[0]])
    with databases.connect(old_database) as conn:
        assert conn.execute("SELECT * FROM broadcast.integrity_violations").fetchall() == []


def all_rows(url: str) -> list[object]:
    with databases.connect(url) as conn:
        return [
            conn.execute("SELECT u::text FROM registered_users AS u ORDER BY 1").fetchall(),
            conn.execute("SELECT c::text FROM main_clients_database AS c ORDER BY 1").fetchall(),
            conn.execute("SELECT b::text FROM broadcast_manager AS b ORDER BY 1").fetchall(),
        ]


def objects(url: str) -> list[tuple[str, str]]:
    query = """
    SELECT 'relation', c.relname FROM pg_class AS c WHERE c.relnamespace = 'public'::regnamespace
    UNION ALL
    SELECT 'function', p.proname FROM pg_proc AS p WHERE p.pronamespace = 'public'::regnamespace
    UNION ALL
    SELECT 'type', t.typname FROM pg_type AS t WHERE t.typnamespace = 'public'::regnamespace
    ORDER BY 1, 2
    """
    with databases.connect(url) as conn:
        return [(kind, name) for kind, name in conn.execute(query)]
