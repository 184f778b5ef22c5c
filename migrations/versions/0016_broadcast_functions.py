"""A client's broadcasts: state, manual trigger, switching on again; and the note of a login."""

from pyapi.frozen_sql import run

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run(__file__, "up")


def downgrade() -> None:
    run(__file__, "down")
