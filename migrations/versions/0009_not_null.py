"""Key columns take no NULL."""

from migrations.sql_file import run

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run("0009_not_null.up.sql")


def downgrade() -> None:
    run("0009_not_null.down.sql")
