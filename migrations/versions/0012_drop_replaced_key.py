"""Drop the key that the cascading key replaces."""

from pyapi.upgrade.frozen_sql import frozen

revision, down_revision = "0012", "0011"
upgrade, downgrade = frozen(__file__)
