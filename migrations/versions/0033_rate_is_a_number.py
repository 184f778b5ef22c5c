"""NaN is no rate, though to PostgreSQL it is greater than every number."""

from pyapi.frozen_sql import run

revision = "0033"
down_revision = "0032"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run(__file__, "up")


def downgrade() -> None:
    run(__file__, "down")
