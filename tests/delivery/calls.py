"""Calls of the delivery functions, as a worker makes them."""

from typing import Any

from psycopg.rows import dict_row

from tests.delivery.broadcasts import Conn
from tests.functions.calls import value


def claim(conn: Conn, worker: str = "ann", count: int = 100) -> list[int]:
    """The deliveries that a worker is given."""
    return [row[0] for row in conn.execute("SELECT * FROM broadcast.claim_due_broadcasts(%s, %s)", [worker, count])]


def intend(conn: Conn, delivery: int, part: str, worker: str = "ann") -> tuple[int, Any] | None:
    """The attempt's number and when to send; None: do not send."""
    query = "SELECT attempt, send_at FROM broadcast.intend_part(%s, %s, %s)"
    return conn.execute(query, [delivery, worker, part]).fetchone()


def step(conn: Conn, delivery: int, worker: str = "ann", **report: Any) -> dict[str, Any]:
    """What to do next, after what came of the last step; what is NULL is left out."""
    named = "".join(f", {name} => %s" for name in report)
    with conn.cursor(row_factory=dict_row) as cursor:
        found = cursor.execute(
            f"SELECT * FROM broadcast.next_step(%s, %s{named})".encode(), [delivery, worker, *report.values()]
        ).fetchone()
    return {name: value for name, value in (found or {}).items() if value is not None}


def record(conn: Conn, delivery: int, part: str, outcome: str, *, attempt: int = 1, **details: Any) -> None:
    """What became of a part; a sent one has the message id 100 unless another is given."""
    if outcome == "sent":
        details = {"message_id": 100} | details
    named = "".join(f", {name} => %s" for name in details)
    conn.execute(
        f"SELECT broadcast.record_part(%s, %s, %s, %s{named})".encode(),
        [delivery, part, attempt, outcome, *details.values()],
    )


def finish(conn: Conn, delivery: int, worker: str = "ann") -> str:
    """How the claim ended."""
    return str(value(conn, "SELECT broadcast.finish_broadcast(%s, %s)", delivery, worker))


def send(conn: Conn, delivery: int, open_outcome: str, closed_outcome: str, worker: str = "ann") -> str:
    """Both parts with these outcomes (an error code stands for failed); how the claim ended."""
    for part, outcome in (("open", open_outcome), ("closed", closed_outcome)):
        intended = intend(conn, delivery, part, worker)
        if intended is None:
            continue
        if outcome in ("sent", "unknown"):
            record(conn, delivery, part, outcome, attempt=intended[0])
        else:
            about = {"error_code": outcome, "error_message": f"{part}: {outcome}"}
            record(conn, delivery, part, "failed", attempt=intended[0], **about)
    return finish(conn, delivery, worker)


def send_due(conn: Conn, open_outcome: str, closed_outcome: str) -> str:
    """The same of the one broadcast that is due."""
    (delivery,) = claim(conn)
    return send(conn, delivery, open_outcome, closed_outcome)
