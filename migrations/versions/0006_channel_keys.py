"""Unique keys on the channels."""

from migrations.sql_file import run

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run("0006_channel_keys.up.sql")


def downgrade() -> None:
    run("0006_channel_keys.down.sql")
