"""What is wrong, and the figures for monitoring."""

from pyapi.upgrade.frozen_sql import frozen

revision, down_revision = "0017", "0016"
upgrade, downgrade = frozen(__file__)
