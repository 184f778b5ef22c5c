"""The states of a broadcast are the same words in SQL, in the API's document and on the page."""

import re
from typing import get_args

from pyapi.channels.broadcast_requests import OffReason, StateName
from pyapi.project_file import project_file
from pyapi.web.dashboard.view import named_state


def words(path: str) -> set[str]:
    """The literals that a function's CASE can give."""
    text = project_file(path).read_text()
    body = text[text.index("AS $$") : text.rindex("$$;")]
    return set(re.findall(r"(?:THEN|ELSE|SELECT|,)\s+'(\w+)'", body))


def test_api_tells_every_state_that_the_database_knows() -> None:
    assert words("sql/delivery/broadcast_state.sql") == set(get_args(StateName))


def test_page_has_words_for_every_state() -> None:
    for state in get_args(StateName):
        assert named_state(state).name == state
        assert state == "unknown" or named_state(state).label != "Unknown"


def test_api_tells_every_reason_that_the_database_keeps() -> None:
    kept = re.search(r"CHECK \(reason IN \(([^)]*)\)", project_file("sql/tables/switched_off.sql").read_text())
    assert kept is not None
    assert {*re.findall(r"\w+", kept[1]), "other"} == set(get_args(OffReason))
