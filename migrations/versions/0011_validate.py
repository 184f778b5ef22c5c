"""Both keys look at every row."""

from pyapi.upgrade.frozen_sql import frozen

revision, down_revision = "0011", "0010"
upgrade, downgrade = frozen(__file__)
