"""make revision writes the way there and the way back from what changed in sql/."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tools import revision
from tools.databases import ROOT

READ = """CREATE OR REPLACE FUNCTION broadcast.read(id uuid)
RETURNS text
LANGUAGE sql
AS $$ SELECT 'old'; $$;
REVOKE ALL ON FUNCTION broadcast.read(uuid) FROM public;
"""
WRITE = READ.replace("read", "write")
ROLE = """DO $$
BEGIN
        CREATE ROLE reader NOLOGIN;
END;
$$;

GRANT EXECUTE ON FUNCTION
broadcast.read(uuid)
TO reader;
"""
VIEW = "CREATE OR REPLACE VIEW broadcast.seen AS\nSELECT 1 AS one;\n"
TABLE = "CREATE TABLE broadcast.notes (\n    id uuid\n);\n"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A repository with a first revision, sql/read.sql and sql/reader.sql, all of it committed."""
    (tmp_path / "migrations" / "versions").mkdir(parents=True)
    shutil.copy(ROOT / "migrations" / "script.py.mako", tmp_path / "migrations")
    (tmp_path / "migrations" / "versions" / "0001_first.py").write_text('revision, down_revision = "0001", None\n')
    (tmp_path / "sql").mkdir()
    put(tmp_path, read=READ, reader=ROLE)
    git(tmp_path, "init", "--quiet")
    commit(tmp_path)
    return tmp_path


def put(checkout: Path, **texts: str) -> None:
    """Write these objects' files, and no others, and a load.sql that includes them."""
    for file in (checkout / "sql").iterdir():
        file.unlink()
    for name, text in texts.items():
        (checkout / "sql" / f"{name}.sql").write_text(text)
    (checkout / "sql" / "load.sql").write_text("".join(f"\\ir {name}.sql\n" for name in texts))


def git(checkout: Path, *arguments: str) -> None:
    name = ["-c", "user.name=tests", "-c", "user.email=tests@example.org", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", *name, *arguments], cwd=checkout, check=True, capture_output=True)


def commit(checkout: Path) -> None:
    git(checkout, "add", "--all")
    git(checkout, "commit", "--quiet", "--message", "as it is")


def written(checkout: Path) -> tuple[str, str]:
    """The next revision's way there and way back."""
    told = revision.write(checkout, "next step")
    files = [Path(line) for line in told[1:3]]
    assert [file.name for file in files] == ["0002_next_step.up.sql", "0002_next_step.down.sql"]
    assert 'revision, down_revision = "0002", "0001"' in files[0].with_name("0002_next_step.py").read_text()
    up, down = (file.read_text() for file in files)
    return up, down


def test_changed_function_is_its_new_text_and_back_its_old_one(checkout: Path) -> None:
    new = READ.replace("'old'", "'new'")
    put(checkout, read=new, reader=ROLE)
    assert written(checkout) == (new + "\n", READ + "\n")


def test_new_function_is_dropped_on_the_way_back_and_its_grant_taken_first(checkout: Path) -> None:
    put(checkout, read=READ, write=WRITE, reader=ROLE.replace("read(uuid)", "read(uuid),\nbroadcast.write(uuid)"))
    up, down = written(checkout)
    assert up == f"{WRITE}\nGRANT EXECUTE ON FUNCTION broadcast.write(uuid) TO reader;\n"
    assert down == (
        "REVOKE EXECUTE ON FUNCTION broadcast.write(uuid) FROM reader;\nDROP FUNCTION broadcast.write(uuid);\n"
    )


def test_removed_function_comes_back_on_the_way_back(checkout: Path) -> None:
    put(checkout, reader=ROLE.partition("\nGRANT")[0] + "\n")
    up, down = written(checkout)
    assert up == "REVOKE EXECUTE ON FUNCTION broadcast.read(uuid) FROM reader;\nDROP FUNCTION broadcast.read(uuid);\n"
    assert down == f"{READ}\nGRANT EXECUTE ON FUNCTION broadcast.read(uuid) TO reader;\n"


def test_function_whose_result_changed_is_dropped_first_and_granted_again(checkout: Path) -> None:
    new = READ.replace("RETURNS text", "RETURNS json")
    put(checkout, read=new, reader=ROLE)
    around = "DROP FUNCTION broadcast.read(uuid);\n{}\nGRANT EXECUTE ON FUNCTION broadcast.read(uuid) TO reader;\n"
    assert written(checkout) == (around.format(new), around.format(READ))


def test_changed_view_is_made_anew_and_granted_again(checkout: Path) -> None:
    role = ROLE + "\nGRANT SELECT ON TABLE broadcast.seen TO reader;\n"
    put(checkout, read=READ, seen=VIEW, reader=role)
    commit(checkout)
    git(checkout, "tag", "v1.0")
    put(checkout, read=READ, seen=VIEW.replace("one", "number"), reader=role)
    up, down = written(checkout)
    around = "DROP VIEW broadcast.seen;\n{}\nGRANT SELECT ON TABLE broadcast.seen TO reader;\n"
    assert (up, down) == (around.format(VIEW.replace("one", "number")), around.format(VIEW))


def test_new_role_is_made_and_stays_on_the_way_back(checkout: Path) -> None:
    put(checkout, read=READ, reader=ROLE, writer=ROLE.replace("reader", "writer"))
    up, down = written(checkout)
    assert "CREATE ROLE writer" in up
    assert up.endswith("GRANT EXECUTE ON FUNCTION broadcast.read(uuid) TO writer;\n")
    assert down.startswith("REVOKE EXECUTE ON FUNCTION broadcast.read(uuid) FROM writer;\n-- The role stays")


def test_new_table_is_made_and_dropped(checkout: Path) -> None:
    put(checkout, read=READ, notes=TABLE, reader=ROLE)
    assert written(checkout) == (TABLE + "\n", "DROP TABLE broadcast.notes;\n")


@pytest.mark.parametrize(
    ("before", "after", "marked"),
    [
        (TABLE, TABLE.replace("id uuid", "id uuid,\n    text text"), "ALTER TABLE"),
        ("", "CREATE INDEX one_idx ON broadcast.notes (id);\n", "CONCURRENTLY"),
        ("", "CREATE TRIGGER one\nAFTER INSERT ON public.channels EXECUTE FUNCTION broadcast.read();\n", "TRIGGER"),
        (
            "",
            "ALTER TABLE broadcast.notes\nADD CONSTRAINT one_fkey FOREIGN KEY (id) REFERENCES broadcast.other;\n",
            "NOT VALID",
        ),
    ],
    ids=["table", "index", "trigger", "key"],
)
def test_what_takes_locks_is_only_marked_both_ways(checkout: Path, before: str, after: str, marked: str) -> None:
    if before:
        put(checkout, read=READ, one=before, reader=ROLE)
        commit(checkout)
        git(checkout, "tag", "v1.0")
    put(checkout, read=READ, one=after, reader=ROLE)
    for text in written(checkout):
        assert text.startswith("-- BY HAND, one.sql: ")
        assert marked in text
        assert text.count("\n") == 1


def test_file_that_moved_is_no_change(checkout: Path) -> None:
    (checkout / "sql" / "rule").mkdir()
    (checkout / "sql" / "read.sql").rename(checkout / "sql" / "rule" / "read.sql")
    (checkout / "sql" / "load.sql").write_text("\\ir rule/read.sql\n\\ir reader.sql\n")
    assert written(checkout) == ("", "")


def test_release_is_compared_with_where_no_revision_came_after_it(checkout: Path) -> None:
    git(checkout, "tag", "v1.0")
    assert revision.compared_with(checkout) == ("v1.0", "sql/ compared with the last release, v1.0.")
    put(checkout, read=READ.replace("old", "new"), reader=ROLE)
    written(checkout)
    commit(checkout)
    since, sentence = revision.compared_with(checkout)
    assert since != "v1.0"
    assert sentence.endswith("the last commit of a revision; the last release is v1.0.")


def test_without_a_release_the_sentence_says_so(checkout: Path) -> None:
    assert revision.compared_with(checkout)[1].endswith("the last commit of a revision; nothing is released yet.")


def test_second_revision_waits_for_the_first_to_be_committed(checkout: Path) -> None:
    put(checkout, read=READ.replace("old", "new"), reader=ROLE)
    written(checkout)
    with pytest.raises(revision.RevisionError, match="not committed"):
        revision.write(checkout, "another")


def test_file_that_load_leaves_out_is_named(checkout: Path) -> None:
    (checkout / "sql" / "lost.sql").write_text(WRITE)
    with pytest.raises(revision.RevisionError, match=r"load\.sql does not include lost\.sql"):
        revision.write(checkout, "next step")


def test_message_is_needed(checkout: Path) -> None:
    with pytest.raises(revision.RevisionError, match="say what the revision does"):
        revision.write(checkout, " ")


def test_every_routine_view_and_table_of_ours_can_be_dropped_by_its_file() -> None:
    kinds = {"FUNCTION", "PROCEDURE", "VIEW"}
    nameless = [
        n for n, t in revision.definition_now(ROOT).items() if revision._kind(t) in kinds and not revision._object(t)
    ]
    assert nameless == []
