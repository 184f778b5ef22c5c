"""Writes the next revision from what changed in ``sql/``: ``make revision m="what it does"``.

The way there is the text as it stands, the way back the text as it was. What takes locks is only marked: how a table
that clients use is changed is for people to write.
"""

import io
import re
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import NamedTuple

from alembic import command
from alembic.config import Config

ROOT = Path(__file__).resolve().parents[1]
# Queries for DBAs, which make nothing.
QUERIES = {"verify_broadcast_integrity.sql", "catalogue_fingerprint.sql"}

# The files that sql/load.sql includes, in its order: a file's name and its text.
Definition = dict[str, str]

_LOCK = "SELECT broadcast.lock_without_queueing('SHARE ROW EXCLUSIVE', …);"
_BY_HAND = {
    "ALTER TABLE": f"{_LOCK} then the key, NOT VALID; a later revision validates it",
    "INDEX": "CREATE INDEX CONCURRENTLY or DROP INDEX CONCURRENTLY, with a line \\g after each statement",
    "TABLE": "SELECT broadcast.lock_without_queueing('ACCESS EXCLUSIVE', …); then ALTER TABLE for what differs",
    "TRIGGER": f"{_LOCK} then CREATE TRIGGER or DROP TRIGGER",
    "": "what differs in the file",
}


class Grant(NamedTuple):
    """One privilege of one role on one object."""

    privileges: str
    on: str
    role: str


class RevisionError(Exception):
    """No revision can be written; the message says why, and what to do."""


def main() -> int:
    """Write the files and tell what is left to do by hand."""
    try:
        for line in write(ROOT, " ".join(sys.argv[1:])):
            print(line)
    except RevisionError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


def write(root: Path, message: str) -> list[str]:
    """Write the next revision's three files.

    Args:
        root: of the checkout.
        message: what the revision does, which becomes its name.

    Returns:
        What to tell: what was compared, the files, and how much is left to do by hand.

    Raises:
        RevisionError: there is no message, a revision is not committed yet, or load.sql leaves a file out.
    """
    if not message.strip():
        raise RevisionError('say what the revision does: make revision m="what it does"')
    if pending := _git(root, "status", "--porcelain", "--", "migrations/versions"):
        raise RevisionError(
            f"migrations/versions has changes that are not committed; commit them or take them back first:\n{pending}"
        )
    commit, sentence = compared_with(root)
    before, after = definition_at(root, commit), definition_now(root)
    up, down = steps(before, after), steps(after, before)
    config = Config()
    config.set_main_option("script_location", str(root / "migrations"))
    config.set_main_option("path_separator", "os")
    config.set_main_option("file_template", "%%(rev)s_%%(slug)s")
    number = len(list((root / "migrations" / "versions").glob("*.py"))) + 1
    made = command.revision(config, message, rev_id=f"{number:04d}")
    assert made is not None
    assert not isinstance(made, list)
    files = {"up": up, "down": down}
    for way, text in files.items():
        Path(made.path).with_suffix(f".{way}.sql").write_text(text, encoding="utf-8")
    by_hand = sum(text.count("-- BY HAND") for text in files.values())
    left = (
        f"{by_hand} steps are marked BY HAND: write them" if by_hand else "Nothing is marked BY HAND; read both files"
    )
    return [sentence, *(str(Path(made.path).with_suffix(f".{way}.sql")) for way in files), f"{left}."]


def last_release(root: Path) -> str | None:
    """The tag of the last release, such as v1.2.0; None where nothing is released yet."""
    tags = _git(root, "tag", "--list", "v*", "--merged", "HEAD")
    return _git(root, "describe", "--tags", "--abbrev=0", "--match", "v*").strip() if tags else None


def compared_with(root: Path) -> tuple[str, str]:
    """The commit in which ``sql/`` and the revisions last said the same, and a sentence about it.

    That is the last release, or the last commit of a revision where one came after it.
    """
    tag = last_release(root)
    since = f"{tag}..HEAD" if tag else "HEAD"
    revision = _git(root, "log", "-1", "--format=%h", since, "--", "migrations/versions").strip()
    if revision:
        released = f"the last release is {tag}" if tag else "nothing is released yet"
        return revision, f"sql/ compared with {revision}, the last commit of a revision; {released}."
    if tag is None:
        raise RevisionError("no revision was ever committed: there is nothing to compare sql/ with")
    return tag, f"sql/ compared with the last release, {tag}."


def definition_at(root: Path, commit: str) -> Definition:
    """What ``sql/`` held in a commit."""
    archive = subprocess.run(["git", "archive", commit, "sql"], cwd=root, capture_output=True, check=True).stdout
    texts = {}
    with tarfile.open(fileobj=io.BytesIO(archive)) as files:
        for member in files:
            if (file := files.extractfile(member)) is not None:
                texts[member.name.removeprefix("sql/")] = file.read().decode()
    return {Path(path).name: texts[path] for path in _included(texts["load.sql"])}


def definition_now(root: Path) -> Definition:
    """What ``sql/`` holds in the work tree.

    Raises:
        RevisionError: load.sql leaves a file out.
    """
    folder = root / "sql"
    included = _included((folder / "load.sql").read_text(encoding="utf-8"))
    present = {str(file.relative_to(folder)) for file in folder.rglob("*.sql") if file.name not in QUERIES}
    if left_out := present - {"load.sql", *included}:
        raise RevisionError(f"sql/load.sql does not include {', '.join(sorted(left_out))}")
    return {Path(path).name: (folder / path).read_text(encoding="utf-8") for path in included}


def steps(before: Definition, after: Definition) -> str:
    """The SQL that leads from one definition to the other; the way back is the same with both exchanged."""
    changed = {name for name in before | after if before.get(name) != after.get(name)}
    roles = [name for name in before | after if _is_role(before.get(name) or after[name])]
    had = {grant for name in roles for grant in grants(before.get(name, ""))}
    has = {grant for name in roles for grant in grants(after.get(name, ""))}
    dropped = [name for name in reversed(before) if name in changed and _must_be_dropped(before[name], after.get(name))]
    # A grant goes with its object.
    gone = {_object(before[name]).replace("VIEW ", "TABLE ") for name in dropped}
    lines = [f"REVOKE {g.privileges} ON {g.on} FROM {g.role};" for g in sorted(had - has)]
    lines += [f"DROP {_object(before[name])};" for name in dropped]
    lines += [_when_removed(name, text) for name, text in before.items() if name not in after]
    lines += [_when_changed(name, before.get(name), text) for name, text in after.items() if name in changed]
    again = {grant for grant in has & had if grant.on in gone}
    lines += [f"GRANT {g.privileges} ON {g.on} TO {g.role};" for g in sorted(has - had | again)]
    return "\n".join(line for line in lines if line) + "\n" if lines else ""


def grants(text: str) -> set[Grant]:
    """The single grants of a role's file."""
    found = set()
    for privileges, objects, role in re.findall(r"^GRANT (.*?)\sON\s(.*?)\sTO (\w+);", text, re.MULTILINE | re.DOTALL):
        kind, names = objects.split(maxsplit=1)
        for name in re.split(r",(?![^(]*\))", names):
            found.add(Grant(" ".join(privileges.split()), f"{kind} {' '.join(name.split())}", role))
    return found


def _git(root: Path, *arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True, check=True).stdout


def _included(load: str) -> list[str]:
    return re.findall(r"^\\ir (\S+)$", load, re.MULTILINE)


def _is_role(text: str) -> bool:
    return re.search(r"^\s+CREATE ROLE ", text, re.MULTILINE) is not None


def _kind(text: str) -> str:
    """FUNCTION, PROCEDURE, VIEW, TABLE, TRIGGER, INDEX or ALTER TABLE: what a file makes first."""
    made = re.search(
        r"^(?:CREATE (?:OR REPLACE |UNIQUE )?(FUNCTION|PROCEDURE|VIEW|TABLE|TRIGGER|INDEX)|(ALTER TABLE))\s",
        text,
        re.MULTILINE,
    )
    return (made[1] or made[2]) if made else ""


def _object(text: str) -> str:
    """What DROP is told of an object, such as ``FUNCTION broadcast.queue()``; nothing for what is changed by hand."""
    routine = re.search(r"^REVOKE ALL ON ((?:FUNCTION|PROCEDURE)\s.*?) FROM public;", text, re.MULTILINE | re.DOTALL)
    relation = re.search(r"^CREATE (?:OR REPLACE )?((?:VIEW|TABLE) broadcast\.\w+)", text, re.MULTILINE)
    found = routine or relation
    return " ".join(found[1].split()) if found else ""


def _must_be_dropped(text: str, following: str | None) -> bool:
    """Whether CREATE OR REPLACE would be refused, or there is nothing to replace it."""
    kind = _kind(text)
    if not _object(text):
        return False
    if following is None or kind == "VIEW":
        return True
    return kind in ("FUNCTION", "PROCEDURE") and _head(text) != _head(following)


def _head(text: str) -> str:
    # Arguments and result, which CREATE OR REPLACE takes only as they are.
    return text.partition("\nLANGUAGE ")[0]


def _when_changed(name: str, before: str | None, after: str) -> str:
    if _is_role(after):
        if before is None:
            return _without_grants(after)
        return "" if _without_grants(before) == _without_grants(after) else _by_hand(name, "")
    kind = _kind(after)
    if kind in ("FUNCTION", "PROCEDURE", "VIEW") or (kind == "TABLE" and before is None and _object(after)):
        return after
    return _by_hand(name, kind)


def _when_removed(name: str, text: str) -> str:
    if _is_role(text):
        return "-- The role stays: other databases of the cluster may use it, and those who are members of it."
    return "" if _object(text) else _by_hand(name, _kind(text))


def _without_grants(text: str) -> str:
    return re.sub(r"^GRANT .*?;\n*", "", text, flags=re.MULTILINE | re.DOTALL)


def _by_hand(name: str, kind: str) -> str:
    return f"-- BY HAND, {name}: {_BY_HAND[kind]}"


if __name__ == "__main__":
    sys.exit(main())
