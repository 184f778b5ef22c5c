"""Settings, quarantine, undo list, and how a migration locks."""

from pyapi.upgrade.frozen_sql import frozen

revision, down_revision = "0002", "0001"
upgrade, downgrade = frozen(__file__)
