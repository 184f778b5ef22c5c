"""Refuse what the rule can not be installed on, before anything changes."""

from pyapi.frozen_sql import run

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    run(__file__, "up")


def downgrade() -> None:
    run(__file__, "down")
