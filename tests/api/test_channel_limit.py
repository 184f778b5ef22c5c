"""Ten channels an account, however many ask at the same moment."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import psycopg

from tests.api.calls import Person, refused

AT_ONCE = 20


def test_twenty_registrations_at_once_make_ten_channels(person: Person, owner_conn: psycopg.Connection[Any]) -> None:
    ready = Barrier(AT_ONCE)

    def register(_: int) -> int:
        ready.wait()
        answer = person.register()
        if answer.status_code != 201:
            refused(answer, 400, "channel_limit_reached")
        return answer.status_code

    with ThreadPoolExecutor(AT_ONCE) as pool:
        answers = sorted(pool.map(register, range(AT_ONCE)))
    assert answers == [201] * 10 + [400] * 10
    assert person.http.get("/api/channels").json()["count"] == 10
    rows = owner_conn.execute("SELECT count(*) FROM public.broadcast_manager").fetchone()
    assert rows == (10,)
