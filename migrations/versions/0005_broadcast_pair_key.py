"""One broadcast row per pair."""

from migrations.sql_file import run

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run("0005_broadcast_pair_key.up.sql")


def downgrade() -> None:
    run("0005_broadcast_pair_key.down.sql")
