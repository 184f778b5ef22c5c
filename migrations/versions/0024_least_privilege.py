"""Each role sees what it needs and no more; a role for those who write channels."""

from pyapi.frozen_sql import run

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run(__file__, "up")


def downgrade() -> None:
    run(__file__, "down")
