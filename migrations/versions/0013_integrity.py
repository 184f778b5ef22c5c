"""Integrity view and the role that may read it."""

from migrations.sql_file import run

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run("0013_integrity.up.sql")


def downgrade() -> None:
    run("0013_integrity.down.sql")
