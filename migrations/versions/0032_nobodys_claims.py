"""What nobody sends is given back, one broken claim stops no other, and deleted channels leave no history for ever."""

from pyapi.frozen_sql import run

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run(__file__, "up")


def downgrade() -> None:
    run(__file__, "down")
