"""Made-up answers of something that may be Telegram."""

import json
from typing import Any

from hypothesis import strategies as st

_NUMBERS = st.one_of(
    st.integers(-(10**30), 10**30), st.floats(), st.sampled_from([2**63, 2**63 - 1, 0, 1, 10**12, 1e30, True])
)
# Text with NUL and lone surrogates.
_TEXT = st.text(st.characters(), max_size=300)
ANY_JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), _NUMBERS, _TEXT),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(_TEXT, inner, max_size=3)),
    max_leaves=5,
)


def _answer(status: int) -> st.SearchStrategy[Any]:
    """Nearly Telegram's."""
    return st.fixed_dictionaries(
        {"ok": st.one_of(st.booleans(), ANY_JSON)},
        optional={
            "error_code": st.one_of(st.just(status), ANY_JSON),
            "description": ANY_JSON,
            "parameters": st.one_of(
                ANY_JSON,
                st.fixed_dictionaries({}, optional={"retry_after": ANY_JSON, "migrate_to_chat_id": ANY_JSON}),
            ),
            "result": st.one_of(ANY_JSON, st.fixed_dictionaries({"message_id": ANY_JSON})),
        },
    )


def bodies(status: int = 200) -> st.SearchStrategy[bytes]:
    """Any bytes, any JSON, and what nearly is an answer of this status."""
    return st.one_of(
        st.binary(max_size=200), st.one_of(ANY_JSON, _answer(status)).map(lambda answer: json.dumps(answer).encode())
    )
