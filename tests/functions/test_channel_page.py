"""broadcast.channel_page(): which of many channels a page shows, in which order, and what it counts."""

from typing import Any
from uuid import UUID

import psycopg
import pytest

from tools.databases import add_channel, add_user

Conn = psycopg.Connection[Any]


def add(conn: Conn, client: UUID, title: str | None, changes: str = "broadcast_status = 'pending'") -> tuple[str, str]:
    """A channel of this title, whose broadcast is set so; it is next sent tomorrow."""
    pair = add_channel(conn, client)
    conn.execute(
        "UPDATE main_clients_database SET open_channel_title = %s WHERE open_channel_id = %s", [title, pair[0]]
    )
    conn.execute(
        f"UPDATE broadcast_manager SET next_send_time = now() + interval '1 day', {changes} WHERE open_channel_id = %s",
        [pair[0]],
    )
    return pair


def ask(conn: Conn, client: UUID, **parameters: Any) -> dict[str, Any]:
    """The function's answer."""
    named = ", ".join(f"{name} => %({name})s" for name in parameters)
    row = conn.execute(
        f"SELECT broadcast.channel_page(%(client)s{', ' if named else ''}{named})", parameters | {"client": client}
    ).fetchone()
    assert row is not None
    found: dict[str, Any] = row[0]
    return found


def titles(page: dict[str, Any]) -> list[str | None]:
    """The titles in the page's order."""
    return [channel["open_channel_title"] for channel in page["channels"]]


def test_what_needs_attention_comes_first(conn: Conn, client: UUID) -> None:
    add(conn, client, "E sent", "broadcast_status = 'completed'")
    queued = add(conn, client, "D queued")
    conn.execute(
        "UPDATE broadcast_manager SET next_send_time = now() - interval '1 minute' WHERE open_channel_id = %s",
        [queued[0]],
    )
    add(conn, client, "C off", "is_active = false")
    add(conn, client, "B failed", "broadcast_status = 'failed'")
    off = add(conn, client, "A off by failures", "is_active = false")
    conn.execute(
        "INSERT INTO broadcast.switched_off (broadcast_id, reason)"
        " SELECT id, 'failures' FROM broadcast_manager WHERE open_channel_id = %s",
        [off[0]],
    )
    page = ask(conn, client)
    assert titles(page) == ["A off by failures", "B failed", "C off", "D queued", "E sent"]
    assert page["states"] == {"sent": 1, "queued": 1, "off": 2, "failed": 1}
    assert titles(ask(conn, client, sort="next")) == ["D queued", "E sent", "B failed", "A off by failures", "C off"]


@pytest.mark.parametrize("search", ["HARD", " hard 100% ", "closed id", "open id"])
def test_search_is_for_titles_and_ids(conn: Conn, client: UUID, search: str) -> None:
    add(conn, client, "Easy")
    pair = add(conn, client, "Hard 100%_x")
    search = {"closed id": pair[1], "open id": pair[0][4:]}.get(search, search)
    assert titles(ask(conn, client, search=search)) == ["Hard 100%_x"]


def test_search_takes_signs_as_they_are(conn: Conn, client: UUID) -> None:
    add(conn, client, "Morning signals")
    for sign in ("%", "_", "\\", ".*", "'"):
        page = ask(conn, client, search=sign)
        assert (page["channels"], page["matching"], page["total"]) == ([], 0, 1)


def test_counts_are_of_the_search_and_not_of_the_state(conn: Conn, client: UUID) -> None:
    add(conn, client, "Sea one", "broadcast_status = 'failed'")
    add(conn, client, "Sea two")
    add(conn, client, "Land")
    page = ask(conn, client, search="sea", state="failed")
    assert (titles(page), page["matching"], page["total"]) == (["Sea one"], 1, 3)
    assert page["states"] == {"failed": 1, "scheduled": 1}


def test_pages_follow_each_other_by_place(conn: Conn, client: UUID) -> None:
    names = ["a", "b", "b", "c", "d"]
    pairs = [add(conn, client, name) for name in names]
    first = ask(conn, client, sort="title", page_size=2)
    second = ask(conn, client, sort="title", page_size=2, after=first["after"])
    third = ask(conn, client, sort="title", page_size=2, after=second["after"])
    assert [titles(page) for page in (first, second, third)] == [["a", "b"], ["b", "c"], ["d"]]
    assert (first["before"], third["after"]) == (None, None)
    assert titles(ask(conn, client, sort="title", page_size=2, before=third["before"])) == ["b", "c"]
    # Going back never shows less than a whole page.
    assert titles(ask(conn, client, sort="title", page_size=4, before=third["before"])) == ["a", "b", "b", "c"]
    # A place stays one when what stood there is gone.
    conn.execute("DELETE FROM main_clients_database WHERE open_channel_id = %s", [pairs[3][0]])
    assert titles(ask(conn, client, sort="title", page_size=2, after=second["after"])) == ["d"]


def test_one_card_is_shown_whether_it_fits_or_not(conn: Conn, client: UUID) -> None:
    add(conn, client, "Sea")
    pair = add(conn, client, "Land")
    page = ask(conn, client, search="sea", open_channel_id=pair[0], closed_channel_id=pair[1])
    assert (titles(page), page["states"], page["total"]) == (["Land"], {"scheduled": 1}, 2)
    other = add_user(conn)
    theirs = ask(conn, other, open_channel_id=pair[0], closed_channel_id=pair[1])
    assert (theirs["channels"], theirs["total"]) == ([], 0)


def test_channel_without_title_stands_by_its_id(conn: Conn, client: UUID) -> None:
    conn.execute("ALTER TABLE main_clients_database ALTER open_channel_title DROP NOT NULL")
    pair = add(conn, client, None)
    add(conn, client, "A")
    page = ask(conn, client, sort="title")
    assert page["channels"][0]["open_channel_id"] == pair[0]
    assert ask(conn, client, sort="title", page_size=1)["after"][1:] == [pair[0], *pair]
