"""Each role may do what it needs, and no more."""

from pyapi.upgrade.frozen_sql import frozen

revision, down_revision = "0018", "0017"
upgrade, downgrade = frozen(__file__)
