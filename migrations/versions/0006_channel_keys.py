"""One channel for each pair, and what the cascading key points at."""

from pyapi.upgrade.frozen_sql import frozen

revision, down_revision = "0006", "0005"
upgrade, downgrade = frozen(__file__)
