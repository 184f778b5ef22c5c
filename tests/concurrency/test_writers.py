"""Whatever clients do at once, no channel is without its broadcast row, and nobody meets an error that is new."""

import os
import threading
from collections import Counter
from collections.abc import Callable

import pytest

from tests.concurrency.load import PROVOCATIONS, WRITES, Failure, Load
from tools import databases

SECONDS = float(os.environ.get("TEST_LOAD_SECONDS", "30"))
COMMITS = 200

REFUSALS = {
    ("23503", "main_clients_database_pair_fkey"),
    ("23503", "broadcast_manager_client_id_pair_fkey"),
    ("BM002", ""),
}
# Every database gives them to clients that lock in different orders, and they are counted, not compared.
COLLISIONS = {"40001", "40P01"}
# The load kills connections itself.
KILLED = {"57P01", "connection lost"}


@pytest.fixture
def bare_database(new_database: Callable[..., str], old_template: str) -> str:
    """URL of a second database as the live system has it, without the rule."""
    return new_database(old_template)


@pytest.fixture
def find_deadlocks_soon(superuser: Callable[[str], str]) -> Callable[[str], None]:
    """Have a database look for deadlocks after 50 ms instead of 1 s: it has hundreds, and no time to lose."""

    def set_timeout(url: str) -> None:
        with databases.connect(superuser(url)) as conn:
            conn.execute(f'ALTER DATABASE "{databases.name_of(url)}" SET deadlock_timeout = 50'.encode())

    return set_timeout


def test_concurrent_writers_leave_no_violation_and_meet_no_new_error(
    old_database: str, bare_database: str, seed: int, find_deadlocks_soon: Callable[[str], None]
) -> None:
    databases.upgrade(old_database)
    for url in (old_database, bare_database):
        find_deadlocks_soon(url)
    ruled, bare = Load(old_database, seed), Load(bare_database, seed, rule=False)
    _run_alongside(bare, ruled)
    _print(ruled)

    assert ruled.wrong == []
    assert _violations(old_database) == []
    assert {kind: n for kind, n in _outcomes(ruled).items() if n < COMMITS} == {}
    assert _new_errors(ruled, bare) == {}


def test_documented_lock_order_avoids_almost_all_deadlocks(
    old_database: str, seed: int, find_deadlocks_soon: Callable[[str], None]
) -> None:
    databases.upgrade(old_database)
    find_deadlocks_soon(old_database)
    load = Load(old_database, seed, ordered=True, kinds=WRITES)
    load.run(SECONDS / 3, lambda _: True, SECONDS / 3)
    _print(load)

    assert load.wrong == []
    assert _violations(old_database) == []
    # In any other order it is one in 200. What is left: a pair is edited while its owner is being deleted.
    deadlocks = sum(n for failure, n in load.failures.items() if failure.sqlstate == "40P01")
    assert deadlocks * 1000 <= sum(load.commits.values())


def _run_alongside(bare: Load, ruled: Load) -> None:
    def enough(load: Load) -> bool:
        return all(n >= COMMITS for n in _outcomes(load).values())

    beside = threading.Thread(target=bare.run, args=(SECONDS, lambda _: True, SECONDS), daemon=True)
    beside.start()
    ruled.run(SECONDS, enough, at_most=SECONDS * 3 + 120)
    beside.join(timeout=120)
    assert not beside.is_alive()


def _outcomes(load: Load) -> dict[str, int]:
    """Commits of each kind; what is meant to be refused counts when it is."""
    refused: Counter[str] = Counter()
    for failure, n in list(load.failures.items()):
        if (failure.sqlstate, failure.constraint) in REFUSALS:
            refused[failure.kind] += n
    return {write.__name__: load.commits[write.__name__] for write in WRITES} | {
        provocation.__name__: refused[provocation.__name__] for provocation in PROVOCATIONS
    }


def _new_errors(ruled: Load, bare: Load) -> dict[Failure, int]:
    provocations = {provocation.__name__ for provocation in PROVOCATIONS}
    known = {failure.sqlstate for failure in bare.failures} | COLLISIONS | KILLED

    def is_new(failure: Failure) -> bool:
        if (failure.sqlstate, failure.constraint) in REFUSALS:
            return failure.kind not in provocations
        return failure.sqlstate not in known

    return {failure: n for failure, n in ruled.failures.items() if is_new(failure)}


def _violations(url: str) -> list[object]:
    with databases.connect(url) as conn:
        return [row for row in conn.execute("SELECT * FROM broadcast.integrity_violations")]


def _print(load: Load) -> None:
    order = "in the documented lock order" if load.ordered else "in any lock order"
    print(f"{sum(load.commits.values())} commits {order}, {load.rollbacks} rollbacks, {load.kills} kills")
    for kind, n in sorted(_outcomes(load).items()):
        print(f"{n:8} {kind}")
    for failure, n in sorted(load.failures.items()):
        print(f"{n:8} {failure.sqlstate} {failure.constraint} in {failure.kind}")
