"""Repair and backfill, as procedures."""

from pyapi.upgrade.frozen_sql import frozen

revision, down_revision = "0004", "0003"
upgrade, downgrade = frozen(__file__)
