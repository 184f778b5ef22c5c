"""Repair the rows that are there, create those that are missing."""

from pyapi.upgrade.frozen_sql import frozen

revision, down_revision = "0008", "0007"
upgrade, downgrade = frozen(__file__)
