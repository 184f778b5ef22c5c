"""The named-queries file and its loader."""

import re
from dataclasses import fields

import pytest

from pyapi.channel import Channel
from pyapi.queries import QUERIES, parse_queries, sqlalchemy_query


def test_names_lead_to_sql_without_comments() -> None:
    text = "-- about\n\n-- name: one\n-- Says 1.\nSELECT 1;\n\n-- name: two\nSELECT\n  -- why\n  2\n"
    assert parse_queries(text) == {"one": "SELECT 1", "two": "SELECT\n  2"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("-- name: a\nSELECT 1\n-- name: a\nSELECT 2", "two queries are named a"),
        ("-- name:\nSELECT 1", "not a name"),
        ("-- name: a b\nSELECT 1", "not a name"),
        ("-- name: a\n-- only a comment\n;\n", "query a is empty"),
        ("SELECT 1\n-- name: a\nSELECT 2", "before the first"),
    ],
)
def test_a_malformed_file_is_refused(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_queries(text)


@pytest.mark.parametrize("name", QUERIES)
def test_every_query_suits_both_drivers(name: str) -> None:
    sql = QUERIES[name]
    without_parameters = re.sub(r"%\(\w+\)s", "", sql)
    assert "%" not in without_parameters
    assert ":" not in without_parameters
    assert ";" not in sql
    assert set(sqlalchemy_query(name).compile().params) == set(re.findall(r"%\((\w+)\)s", sql))


@pytest.mark.parametrize("name", QUERIES)
def test_every_query_names_its_columns(name: str) -> None:
    """A process that is older than the database gets the columns that it knows, and no other."""
    assert not re.search(r"\.\*|SELECT\s+\*", QUERIES[name])


def test_python_writes_no_broadcast_rows() -> None:
    for sql in QUERIES.values():
        assert not re.search(r"\b(INTO|UPDATE|FROM ONLY|DELETE FROM)\s+public\.broadcast_man", sql)


def test_insert_channel_names_every_field_of_a_channel() -> None:
    columns, select = QUERIES["insert_channel"].split("SELECT", 1)
    names = [field.name for field in fields(Channel)]
    assert re.findall(r"^    (\w+)", columns, re.MULTILINE) == names
    assert re.findall(r"^    c\.(\w+)", select, re.MULTILINE) == names
