"""Claim, send, record, finish: the life of a broadcast that is due."""

from pyapi.frozen_sql import run

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run(__file__, "up")


def downgrade() -> None:
    run(__file__, "down")
