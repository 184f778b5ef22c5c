"""Look for everything that the rule could not be installed on, before anything is changed."""

from pyapi.upgrade.frozen_sql import frozen

revision, down_revision = "0001", None
upgrade, downgrade = frozen(__file__)
