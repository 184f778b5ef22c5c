"""Workers that are killed: nothing is sent twice, and what is not known to be sent is known to be unknown."""

from tests.delivery.broadcasts import Conn
from tests.delivery.workers_killed import KILLS_OF_A_ROUND, Counts, kill_often, worker_starter
from tools.telegram import Telegram

# The second one deletes what the first has sent.
ROUNDS = 2


def test_three_workers_are_killed_seven_times_a_round_and_no_message_is_sent_twice(
    conn: Conn, worker_url: str, telegram: Telegram, seed: int
) -> None:
    counts = Counts()
    kill_often(conn, telegram, worker_starter(worker_url, telegram), ROUNDS, seed, counts)
    print(counts)
    assert counts.kills == ROUNDS * KILLS_OF_A_ROUND
