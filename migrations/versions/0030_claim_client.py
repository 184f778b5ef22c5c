"""A claim tells whose broadcast it is, so that the log of a delivery names the client."""

from pyapi.frozen_sql import run

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run(__file__, "up")


def downgrade() -> None:
    run(__file__, "down")
