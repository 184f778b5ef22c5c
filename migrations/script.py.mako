"""${message}"""

from migrations.sql_file import run

revision = "${up_revision}"
down_revision = ${'"' + down_revision + '"' if down_revision else None}
branch_labels = None
depends_on = None


def upgrade() -> None:
    run("${up_revision}_CHANGE_ME.up.sql")


def downgrade() -> None:
    run("${up_revision}_CHANGE_ME.down.sql")
