"""No key column takes NULL."""

from pyapi.upgrade.frozen_sql import frozen

revision, down_revision = "0009", "0008"
upgrade, downgrade = frozen(__file__)
