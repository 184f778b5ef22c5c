"""Workers' functions compile nothing, and update a broadcast once when it is finished."""

from pyapi.frozen_sql import run

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run(__file__, "up")


def downgrade() -> None:
    run(__file__, "down")
