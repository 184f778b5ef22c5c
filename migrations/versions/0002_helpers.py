"""Undo log, quarantine and the brief lock."""

from migrations.sql_file import run

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run("0002_helpers.up.sql")


def downgrade() -> None:
    run("0002_helpers.down.sql")
