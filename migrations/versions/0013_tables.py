"""Operators, deliveries, who watches, the last check."""

from pyapi.upgrade.frozen_sql import frozen

revision, down_revision = "0013", "0012"
upgrade, downgrade = frozen(__file__)
