"""Last sweep, then validate the keys."""

from migrations.sql_file import run

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run("0011_validate.up.sql")


def downgrade() -> None:
    run("0011_validate.down.sql")
