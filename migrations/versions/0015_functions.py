"""What channel API, dashboard and workers call."""

from pyapi.upgrade.frozen_sql import frozen

revision, down_revision = "0015", "0014"
upgrade, downgrade = frozen(__file__)
