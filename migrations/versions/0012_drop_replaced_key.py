"""Drop the key that the cascade through the channel replaces."""

from migrations.sql_file import run

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run("0012_drop_replaced_key.up.sql")


def downgrade() -> None:
    run("0012_drop_replaced_key.down.sql")
