"""Repair and backfill, as procedures."""

from migrations.sql_file import run

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run("0004_repair.up.sql")


def downgrade() -> None:
    run("0004_repair.down.sql")
