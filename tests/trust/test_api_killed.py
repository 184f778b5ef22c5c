"""kill -9 of the API in mid-request loses nothing that it answered: the short form of `tests.trust.api_killed`."""

from tests.trust.api_killed import Counts, create_api_login, kill_often


def test_no_acknowledged_registration_is_lost_when_the_api_is_killed(server_url: str, database: str, seed: int) -> None:
    counts = Counts()
    kill_often(database, create_api_login(server_url, database), 5, seed, counts)
    print(counts)
    assert counts.kills == 5
    assert counts.acknowledged >= 5 * 5
