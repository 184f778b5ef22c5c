"""The platform's three tables where they are missing, and the columns that old copies lack."""

from pyapi.upgrade.frozen_sql import frozen

revision, down_revision = "0003", "0002"
upgrade, downgrade = frozen(__file__)
