"""One broadcast row for each pair."""

from pyapi.upgrade.frozen_sql import frozen

revision, down_revision = "0005", "0004"
upgrade, downgrade = frozen(__file__)
