"""The index that finds what is due."""

from pyapi.upgrade.frozen_sql import frozen

revision, down_revision = "0014", "0013"
upgrade, downgrade = frozen(__file__)
