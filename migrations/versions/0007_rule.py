"""The rule: triggers and the cascading key."""

from pyapi.upgrade.frozen_sql import frozen

revision, down_revision = "0007", "0006"
upgrade, downgrade = frozen(__file__)
