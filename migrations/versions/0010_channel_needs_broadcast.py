"""The deferred key: no channel is committed without its broadcast row."""

from pyapi.upgrade.frozen_sql import frozen

revision, down_revision = "0010", "0009"
upgrade, downgrade = frozen(__file__)
