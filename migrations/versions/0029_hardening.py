"""What made-up input and namesakes of ours could do: pinned paths in procedures, and refusals instead of surprises."""

from pyapi.frozen_sql import run

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run(__file__, "up")


def downgrade() -> None:
    run(__file__, "down")
