"""Texts for each SQL type: such that fit, such that only just do, and such that do not at all."""

import json
from collections.abc import Mapping
from typing import Any, TypeVar
from uuid import UUID

from hypothesis import strategies as st

Texts = st.SearchStrategy[str | None]
_T = TypeVar("_T")

CLIENTS = [str(UUID(int=number << 96)) for number in (1, 2, 3)]
BROADCASTS = [str(UUID(int=number)) for number in range(11, 17)]
PAIRS = [(f"-100400000000{n}", f"-100500000000{n}") for n in range(6)]
NEW_PAIR = ("-1006000000000", "-1007000000000")
WORKER = "ann"

# What a channel needs to be registered.
CHANNEL: dict[str, Any] = {
    "open_channel_id": NEW_PAIR[0],
    "open_channel_title": "Morning signals",
    "closed_channel_id": NEW_PAIR[1],
    "closed_channel_title": "Inside",
    "closed_channel_donation_message": "If the signals paid for your breakfast, buy us one.",
    "sub_1_price": 5,
    "sub_1_time": 30,
    "client_wallet_address": "0x71C7656EC7ab88b098defB751B7401B5f6d8976F",
    "client_payout_currency": "USDT",
    "client_payout_network": "ETH",
}

_JUNK = [
    *("", " ", "\0", "a\0b", "\ud800", "null", "NULL", "NaN", "infinity", "-infinity", "%s", "%", "{}", "[]", "0x1"),
    *("'; DROP TABLE broadcast_manager; --", "$$", '"', "\\", "\u202e\u2066", "\U0001f4e2" * 30, "x" * 100_000),
]
junk = st.one_of(st.sampled_from(_JUNK), st.text(max_size=20))

_whole = st.one_of(
    st.integers(-3, 9),
    st.sampled_from([b + d for b in (-(2**63), -(2**31), -(2**15), 2**15, 2**31, 2**63) for d in (-1, 0, 1)]),
    st.integers(),
)
_numbers = st.one_of(
    _whole.map(str),
    st.sampled_from(["NaN", "Infinity", "-1", "0.001", "99999999.99", "100000000", "1e400"]),
    st.decimals(allow_nan=False, allow_infinity=False).map(str),
)
_moments = st.one_of(
    st.sampled_from(
        ["now", "infinity", "-infinity", "epoch", "294276-12-31", "4714-11-24 BC", "9999-12-31", "tomorrow"]
    ),
    st.datetimes().map(str),
)
_spans = st.one_of(
    st.sampled_from(
        ["0", "1 s", "-1 s", "5 min", "1 mon", "infinity", "-infinity", "178000000 y", "-178000000 y", "2147483647 d"]
    ),
    st.integers(-(10**6), 10**12).map(lambda seconds: f"{seconds} s"),
)
_relations = st.sampled_from(
    [
        *("public.broadcast_manager", "public.main_clients_database", "broadcast.settings"),
        *("broadcast.integrity_violations", "public.main_clients_database_id_seq", "pg_catalog.pg_class"),
        *("public.broadcast_manager_pkey", "public.no_such_table", "0", "4294967295"),
    ]
)
_json = st.recursive(
    st.one_of(st.none(), st.booleans(), _whole, st.floats(), junk, st.sampled_from(["1", "2", "3", "5.10", "x" * 300])),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(junk, inner, max_size=3)),
    max_leaves=8,
)

SCALARS: dict[str, st.SearchStrategy[str]] = {
    "text": junk,
    "character varying": junk,
    "name": junk,
    "uuid": st.one_of(st.sampled_from(CLIENTS + BROADCASTS), st.uuids().map(str)),
    "boolean": st.sampled_from(["true", "false"]),
    "smallint": _whole.map(str),
    "integer": _whole.map(str),
    "bigint": _whole.map(str),
    "numeric": _numbers,
    "double precision": _numbers,
    "interval": _spans,
    "timestamp with time zone": _moments,
    "timestamp without time zone": _moments,
    "regclass": _relations,
}

# What a parameter of this name is meant to hold, beside whatever its type allows.
BY_NAME: dict[str, st.SearchStrategy[str]] = {
    "open_channel_id": st.sampled_from([pair[0] for pair in PAIRS]),
    "open_channel_ids": st.sampled_from([pair[0] for pair in PAIRS]),
    "closed_channel_id": st.sampled_from([pair[1] for pair in PAIRS]),
    "closed_channel_ids": st.sampled_from([pair[1] for pair in PAIRS]),
    "chat_id": st.sampled_from([pair[0] for pair in PAIRS]),
    "client_id": st.sampled_from(CLIENTS),
    "only_client_id": st.sampled_from(CLIENTS),
    "operator_id": st.sampled_from(CLIENTS),
    "user_id": st.sampled_from(CLIENTS),
    "username": st.just(f"user_{UUID(CLIENTS[0]).hex[:12]}"),
    "broadcast_id": st.sampled_from(BROADCASTS),
    "delivery_id": st.sampled_from(["1", "2", "3"]),
    "worker": st.just(WORKER),
    "part": st.sampled_from(["open", "closed"]),
    "attempt": st.sampled_from(["1", "2"]),
    "outcome": st.sampled_from(["sent", "failed", "unknown", "intended"]),
    "lock_mode": st.sampled_from(["SHARE", "ACCESS EXCLUSIVE", "row exclusive", "SHARE MODE; SELECT 1; --"]),
    "batch_size": st.sampled_from(["1", "2", "500", "0", "-1"]),
    "broadcast_status": st.sampled_from(["pending", "in_progress", "completed", "failed", "skipped"]),
}


class NoStrategy(LookupError):
    """Nobody has said what to make up for a type; the message says where to."""


def values(type_name: str, name: str, rows: Mapping[str, Mapping[str, str]]) -> Texts:
    """Texts for a parameter or column.

    Args:
        type_name: as format_type() writes it, without a length.
        name: the parameter's or column's.
        rows: for each composite type, the types of its columns by their names.

    Raises:
        NoStrategy: the type is not among SCALARS, no composite and no array of them.
    """
    if type_name in rows:
        row = changes(rows[type_name], rows).map(json.dumps)
        return mostly(4, row, st.none(), junk)
    if type_name == "jsonb":
        channel = channels(rows).map(json.dumps)
        return mostly(4, channel, _json.map(json.dumps), st.none(), junk)
    if type_name.endswith("[]"):
        element = values(type_name.removesuffix("[]"), name, rows)
        array = st.lists(element, max_size=4).map(_array)
        return mostly(4, array, st.none(), junk)
    if type_name not in SCALARS:
        raise NoStrategy(f"{name} is of the type {type_name}: say in tests/fuzz/values.py what to make up for it")
    fits = BY_NAME.get(name, SCALARS[type_name])
    # Often enough right, so that not every call ends at its first argument.
    return mostly(3, fits, SCALARS[type_name], SCALARS[type_name], st.none(), junk)


def mostly(times: int, usual: st.SearchStrategy[_T], *others: st.SearchStrategy[_T]) -> st.SearchStrategy[_T]:
    """The usual so many times as often as all others; one_of() knows each branch once, however often it is named."""
    weighed = st.sampled_from([True] * times + [False])
    return weighed.flatmap(lambda is_usual: usual if is_usual else st.one_of(others))


def changes(columns: Mapping[str, str], rows: Mapping[str, Mapping[str, str]]) -> st.SearchStrategy[dict[str, Any]]:
    """Some columns of a row with values for them."""
    return st.lists(st.sampled_from(sorted(columns)), max_size=4, unique=True).flatmap(
        lambda chosen: st.fixed_dictionaries({name: values(columns[name], name, rows) for name in chosen})
    )


def channels(rows: Mapping[str, Mapping[str, str]]) -> st.SearchStrategy[dict[str, Any]]:
    """Channels as clients send them, with a few fields that are not as they must be."""
    columns = rows["public.main_clients_database"]
    wrong = st.dictionaries(st.sampled_from([*sorted(columns), "tier_count", "", "no_such_field"]), _json, max_size=2)
    return st.builds(lambda some, other: CHANNEL | some | other, changes(columns, rows), wrong)


def _array(elements: list[str | None]) -> str:
    quoted = ("NULL" if e is None else '"' + e.replace("\\", "\\\\").replace('"', '\\"') + '"' for e in elements)
    return "{" + ",".join(quoted) + "}"
