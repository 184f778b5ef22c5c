"""Repair and backfill what was there before."""

from migrations.sql_file import run

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run("0008_adopt.up.sql")


def downgrade() -> None:
    run("0008_adopt.down.sql")
