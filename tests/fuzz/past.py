"""Databases to migrate and to throw away, and how to tell that one is at a revision and nowhere between two."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import LiteralString

import psycopg

from tests.migrations import builds
from tools import databases

# What somebody has in the database on which a revision or its way back fails, and how to take it away.
IN_THE_WAY_UP = {
    f"CREATE TABLE {name} (theirs integer)": f"DROP TABLE {name}"
    for name in ("broadcast.undo", "broadcast.deliveries", "broadcast.integrity_check")
}
IN_THE_WAY_DOWN = {
    f"CREATE VIEW public.theirs AS SELECT * FROM {name}": "DROP VIEW public.theirs"
    for name in ("broadcast.rule_parts", "broadcast.settings", "broadcast.deliveries", "broadcast.switched_off")
}


_OF_THE_QUARANTINE = re.compile(r"\bquarantine(_pkey|_id_seq)?\b")

# Whatever else there is, and the rows that no migration may touch.
_OBJECTS: LiteralString = """
SELECT 'object', c.relname, count(*) FROM pg_class AS c INNER JOIN pg_namespace AS n ON c.relnamespace = n.oid
WHERE n.nspname IN ('public', 'broadcast') GROUP BY c.relname
UNION ALL
SELECT 'object', p.proname, count(*) FROM pg_proc AS p INNER JOIN pg_namespace AS n ON p.pronamespace = n.oid
WHERE n.nspname IN ('public', 'broadcast') GROUP BY p.proname
UNION ALL
SELECT 'rows', 'main_clients_database', count(*) FROM public.main_clients_database
UNION ALL
SELECT 'rows', 'registered_users', count(*) FROM public.registered_users
"""


class Past:
    """The live system's schema with rows, and what each revision makes of it."""

    def __init__(self, server_url: str) -> None:
        self._server_url = server_url
        self._old = databases.create_database(server_url)
        databases.load(self._old, databases.EXISTING_SCHEMA)
        builds.fill_old_database(self._old)
        with self.database(None) as url:
            self._known: dict[str | None, set[tuple[str, str, str]]] = {None: _facts(url)}
            for revision in builds.REVISIONS:
                databases.upgrade(url, revision)
                self._known[revision] = _facts(url)

    def close(self) -> None:
        """Drop what it keeps."""
        databases.drop_database(self._server_url, self._old)

    @contextmanager
    def database(self, revision: str | None) -> Iterator[str]:
        """URL of a database at a revision, for as long as the context lasts; None is before the first."""
        url = databases.create_database(self._server_url, databases.name_of(self._old))
        try:
            if revision:
                databases.upgrade(url, revision)
            yield url
        finally:
            databases.drop_database(self._server_url, url)

    @contextmanager
    def obstructed(self, url: str, obstacle: str) -> Iterator[None]:
        """Put something in the way, and take it away at the end; where it can't be put there, nothing."""
        removal = (IN_THE_WAY_UP | IN_THE_WAY_DOWN).get(obstacle, "")
        with databases.connect(url) as conn:
            try:
                conn.execute(obstacle.encode())
            except psycopg.Error:
                removal = ""
            yield
            conn.execute(removal.encode())

    def revision(self, url: str) -> str | None:
        """The revision that a database is at.

        Raises:
            AssertionError: what is there is not what that revision leaves.
        """
        revision, found = builds.revision(url), _facts(url)
        assert found == self._known[revision], f"revision {revision}, but {sorted(found ^ self._known[revision])}"
        return revision


def _facts(url: str) -> set[tuple[str, str, str]]:
    """What is there, as it is on the way up and on the way down alike.

    Roles stay, a filled quarantine stays, and a key that was validated stays so.
    """
    with databases.connect(url) as conn:
        objects = {(str(kind), str(name), str(count)) for kind, name, count in conn.execute(_OBJECTS)}
    facts = {
        (f.kind, f.name, f.definition.replace(" NOT VALID, not valid", ", valid")) for f in builds.fingerprint(url)
    }
    return {
        (kind, name, definition)
        for kind, name, definition in facts | objects
        if kind != "role" and not _OF_THE_QUARANTINE.search(name)
    }
