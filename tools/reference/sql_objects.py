"""The page of the SQL objects, from their comments in the database."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from psycopg.rows import class_row

from tools.reference.markdown import code, head, table

ROOT = Path(__file__).resolve().parents[2]
_QUERY = Path(__file__).with_suffix(".sql").read_bytes()
_FILES = {file.name: file.relative_to(ROOT) for file in (ROOT / "sql").glob("*/*.sql")}


@dataclass(frozen=True)
class SqlObject:
    """One object of ours, or a column of one.

    Args:
        kind: table, column, view, view column, function, procedure, trigger, foreign key, check, index, unique index
            or role.
        parent: the table or view that it is on, where it is on one.
        name: its name, without the schema.
        definition: a column's type, a function's arguments, when a trigger fires, what a key or index is on.
        extra: a column's default, what a function returns, a trigger's function.
        comment: what COMMENT ON says of it.
        place: a column's number.
    """

    kind: str
    parent: str | None
    name: str
    definition: str | None
    extra: str | None
    comment: str | None
    place: int


def read_objects(conn: psycopg.Connection[Any]) -> list[SqlObject]:
    """Every object of ours in a database that `alembic upgrade head` made out of an empty one."""
    roles = [file.stem for file in (ROOT / "sql" / "roles").glob("*.sql")]
    with conn.cursor(row_factory=class_row(SqlObject)) as cursor:
        return cursor.execute(_QUERY, {"roles": roles}).fetchall()


def page(conn: psycopg.Connection[Any]) -> str:
    """The page."""
    objects = read_objects(conn)

    def of(*kinds: str) -> list[SqlObject]:
        return [o for o in objects if o.kind in kinds]

    return "\n".join(
        [
            head(
                "SQL objects",
                "What an upgrade creates in the schema `broadcast` and on the platform's tables, with each object's"
                " COMMENT (psql's `\\d+` and `\\df+` show it too). Names link to definitions. The platform's own tables"
                " `registered_users`, `main_clients_database` and `broadcast_manager` are left out.",
            ),
            "## Triggers\n",
            table(
                ["trigger", "on", "when", "what it promises"],
                [[_link(o), code(o.parent or ""), o.definition or "", o.comment or ""] for o in of("trigger")],
            ),
            "## Keys and indexes\n",
            table(
                ["name", "on", "definition", "what it promises"],
                [
                    [_link(o), code(o.parent or ""), code(o.definition or ""), o.comment or ""]
                    for kind in ("foreign key", "unique index", "index", "check")
                    for o in of(kind)
                ],
            ),
            "## Functions and procedures\n",
            *_routines(of("function", "procedure")),
            "## Views\n",
            *_relations(of("view"), of("view column")),
            "## Tables\n",
            *_relations(of("table"), of("column")),
            "## Roles\n",
            table(["role", "what it may"], [[_link(o), o.comment or ""] for o in of("role")]),
        ]
    )


def _routines(routines: Iterable[SqlObject]) -> Iterable[str]:
    for o in routines:
        result = "" if o.kind == "procedure" else f" → {code(o.extra or '')}"
        yield f"### {o.name}\n\n{_link(o, f'{o.name}({o.definition})')}{result}\n\n{o.comment}\n"


def _relations(relations: Iterable[SqlObject], columns: list[SqlObject]) -> Iterable[str]:
    for o in relations:
        own = [c for c in columns if c.parent == o.name]
        yield f"### {o.name}\n\n{o.comment} ({_link(o, 'definition')})\n"
        if o.kind == "view":
            yield "Columns: " + ", ".join(f"`{c.name}` {c.definition}" for c in own) + ".\n"
        else:
            yield table(
                ["column", "type", "default", "what it is"],
                [[code(c.name), c.definition or "", code(c.extra or ""), c.comment or ""] for c in own],
            )


def _link(o: SqlObject, text: str | None = None) -> str:
    # What has no file of its own stands in its table's.
    own = f"{o.name}.trigger.sql" if f"{o.name}.trigger.sql" in _FILES and o.kind == "trigger" else f"{o.name}.sql"
    file = _FILES.get(own) or _FILES[f"{o.parent}.sql"]
    return f"[{code(text or o.name)}](../../{file})"
