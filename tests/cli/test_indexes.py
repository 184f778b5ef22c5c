"""broadcast-manager indexes: what the rule's keys have made redundant, and nothing that anybody needs."""

from collections.abc import Callable

import pytest
from typer.testing import CliRunner

from pyapi.checks.indexes import redundant_indexes
from pyapi.cli import app
from tools import databases

REDUNDANT = ["idx_broadcast_client", "idx_broadcast_status", "idx_main_clients_client_id"]
INDEXES = """
SELECT array_agg(i.indexrelid::regclass::text ORDER BY i.indexrelid::regclass::text)
FROM pg_index AS i WHERE i.indrelid::regclass::text = ANY(%s)
"""
TABLES = ["main_clients_database", "broadcast_manager"]


@pytest.fixture
def adopted(new_database: Callable[[str], str], adopted_template: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """A database of before after the upgrade."""
    url = new_database(adopted_template)
    monkeypatch.setenv("DATABASE_URL", url)
    return url


def found(url: str) -> list[str]:
    with databases.connect(url) as conn:
        return sorted(index.name for index in redundant_indexes(conn))


def test_each_is_told_with_its_reason_and_both_statements(adopted: str) -> None:
    told = CliRunner().invoke(app, ["indexes"])
    assert told.exit_code == 0
    assert found(adopted) == REDUNDANT
    for name in REDUNDANT:
        assert f"Drop: DROP INDEX CONCURRENTLY {name};" in told.stdout
        assert f"Make again: CREATE INDEX CONCURRENTLY {name} ON public." in told.stdout
    assert "Why: begins main_clients_database_client_id_pair_key as well." in told.stdout


def test_drop_asks_for_each_and_what_was_dropped_can_be_made_again(adopted: str) -> None:
    with databases.connect(adopted) as conn:
        before = conn.execute(INDEXES, [TABLES]).fetchone()
        statements = [index.make_statement for index in redundant_indexes(conn)]
        told = CliRunner().invoke(app, ["indexes", "--drop"], input="y\nn\ny\n")
        assert told.exit_code == 0
        assert len(found(adopted)) == 1
        assert CliRunner().invoke(app, ["indexes", "--yes"]).exit_code == 0
        assert found(adopted) == []
        for statement in statements:
            conn.execute(statement.encode())
        assert conn.execute(INDEXES, [TABLES]).fetchone() == before


@pytest.mark.parametrize(
    ("change", "needed"),
    [
        (
            "ALTER TABLE broadcast_manager ADD FOREIGN KEY (client_id) REFERENCES registered_users ON DELETE CASCADE",
            "idx_broadcast_client",
        ),
        (
            "DROP INDEX idx_broadcast_status;"
            "CREATE INDEX idx_broadcast_status ON broadcast_manager (broadcast_status, updated_at)",
            "idx_broadcast_status",
        ),
        (
            "DROP INDEX idx_main_clients_client_id;"
            "CREATE INDEX idx_main_clients_client_id ON main_clients_database (client_id DESC NULLS LAST)",
            "idx_main_clients_client_id",
        ),
        (
            "DROP INDEX idx_main_clients_client_id;"
            "CREATE UNIQUE INDEX idx_main_clients_client_id ON main_clients_database (client_id)",
            "idx_main_clients_client_id",
        ),
    ],
)
def test_what_somebody_needs_is_left_alone(adopted: str, change: str, needed: str) -> None:
    with databases.connect(adopted) as conn:
        conn.execute(change.encode())
    assert found(adopted) == [name for name in REDUNDANT if name != needed]


def test_of_two_that_are_the_same_one_stays(adopted: str) -> None:
    with databases.connect(adopted) as conn:
        conn.execute("CREATE INDEX one ON main_clients_database (sub_1_price)")
        conn.execute("CREATE INDEX two ON main_clients_database (sub_1_price)")
    assert found(adopted) == [*REDUNDANT, "two"]


def test_empty_database_has_none(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", database)
    told = CliRunner().invoke(app, ["indexes"])
    assert (told.exit_code, told.stdout) == (0, "📢 No redundant index.\n")
