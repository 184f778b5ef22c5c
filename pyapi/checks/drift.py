"""Compares what the catalogue says of the rule with what it must say. The facts come from one query in sql/checks."""

import csv
import re
from collections import Counter
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg.rows import class_row

from pyapi.project_file import project_file


@dataclass(frozen=True)
class Fact:
    """One line of sql/checks/catalogue_fingerprint.sql."""

    scope: str
    kind: str
    name: str
    definition: str


@dataclass(frozen=True)
class Drift:
    """A fact that is not as it must be: missing where found is None, unexpected where expected is None."""

    kind: str
    name: str
    expected: str | None
    found: str | None


def read_fingerprint(conn: psycopg.Connection[Any]) -> list[Fact]:
    """All facts of this database; needs no privilege but to connect.

    Raises:
        psycopg.Error: the connection failed.
    """
    with conn.cursor(row_factory=class_row(Fact)) as cursor:
        return cursor.execute(fingerprint_query()).fetchall()


def fingerprint_query() -> bytes:
    """The query whose rows are the facts of a database, for connections of any kind."""
    return project_file("sql/checks/catalogue_fingerprint.sql").read_bytes()


def expected_fingerprint() -> list[Fact]:
    """The committed facts of scope rule and needed, as ``make generate`` wrote them."""
    with project_file("sql/checks/catalogue_fingerprint.csv").open(newline="") as file:
        return [Fact(**row) for row in csv.DictReader(line for line in file if not line.startswith("#"))]


def find_drift(found: list[Fact]) -> list[Drift]:
    """Where the facts differ from the committed ones.

    What stands beside the rule (scope other) is not judged, and a role that is missing is missing_roles()'s.
    """
    if not any(f.scope == "rule" and f.kind != "role" for f in found):  # roles belong to the whole cluster
        return [Drift("rule", "broadcast-manager", "installed: broadcast-manager upgrade", "not installed")]
    without = missing_roles(found)
    expected = [f for f in expected_fingerprint() if _role_of(f) not in without]
    must, have = _by_name(expected), _by_name(found)
    return [
        Drift(kind, name, must.get((kind, name)), have.get((kind, name)))
        for kind, name in sorted(must.keys() | have.keys())
        if must.get((kind, name)) != have.get((kind, name))
    ]


def missing_roles(found: list[Fact]) -> list[str]:
    """The roles that this cluster lacks: their grants are missing as well, and neither is drift."""
    there = {f.name for f in found if f.kind == "role"}
    return [f.name for f in expected_fingerprint() if f.kind == "role" and f.name not in there]


def open_to(drifts: list[Drift]) -> Counter[str]:
    """Who was granted what the rule does not grant: on how many objects, by grantee as GRANT writes it."""
    return Counter(_on_and_grantee(d.name)[1] for d in drifts if d.kind == "grant" and _privileges(d)[0])


def grant_statements(drifts: list[Drift]) -> list[str]:
    """What puts the grants right among these differences, for the owner or a superuser.

    REVOKE comes first. It ends with CASCADE, since a grantee may have granted further.
    """
    revoke, grant = [], []
    for drift in drifts:
        if drift.kind != "grant":
            continue
        on, grantee = _on_and_grantee(drift.name)
        too_much, missing = _privileges(drift)
        for privilege in too_much:
            name, option, _ = privilege.partition(_OPTION)
            what = f"GRANT OPTION FOR {name}" if option and name in _listed(drift.expected) else name
            revoke.append(f"REVOKE {what} ON {on} FROM {grantee} CASCADE;")
        grant += [f"GRANT {privilege} ON {on} TO {grantee};" for privilege in missing]
    return revoke + grant


_OPTION = " with grant option"


def _listed(privileges: str | None) -> list[str]:
    return privileges.split(", ") if privileges else []


def _privileges(drift: Drift) -> tuple[list[str], list[str]]:
    """Those that are there and must not be, and those that are missing."""
    expected, found = _listed(drift.expected), _listed(drift.found)
    have = {privilege.removesuffix(_OPTION) for privilege in found}
    return [p for p in found if p not in expected], [p for p in expected if p not in have]


def _on_and_grantee(name: str) -> tuple[str, str]:
    # A quoted name of a role may itself hold " to ".
    found = re.fullmatch(r'on (.*) to ([a-zA-Z0-9_]+|"(?:[^"]|"")*")', name, re.DOTALL)
    return (found[1], found[2]) if found else (name, "")


def _role_of(fact: Fact) -> str | None:
    if fact.kind == "role":
        return fact.name
    return _on_and_grantee(fact.name)[1] if fact.kind == "grant" else None


def _by_name(facts: list[Fact]) -> dict[tuple[str, str], str]:
    # A name can stand twice: a second function of that name with other arguments.
    definitions: dict[tuple[str, str], str] = {}
    for f in facts:
        if f.scope != "other":
            before = definitions.get((f.kind, f.name))
            definitions[f.kind, f.name] = f.definition if before is None else f"{before}; {f.definition}"
    return definitions
