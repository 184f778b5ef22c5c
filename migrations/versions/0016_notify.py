"""Open dashboards are told of changes."""

from pyapi.upgrade.frozen_sql import frozen

revision, down_revision = "0016", "0015"
upgrade, downgrade = frozen(__file__)
