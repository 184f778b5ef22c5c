"""A thin layer over the database that keeps the rule: no channel without its broadcast row."""

from pyapi.broadcasts import insert_channel, read_broadcast_id
from pyapi.channel import Channel
from pyapi.database import DatabaseUrlInvalid, DatabaseUrlMissing, database_url, sqlalchemy_url
from pyapi.errors import (
    BroadcastError,
    BroadcastMissing,
    BroadcastNotFound,
    BroadcastRuleBroken,
    ChannelError,
    ChannelIncomplete,
    ChannelInvalid,
    ChannelOwnerUnknown,
    ChannelPairTaken,
    RuleError,
    typed_errors,
)

__all__ = [
    "BroadcastError",
    "BroadcastMissing",
    "BroadcastNotFound",
    "BroadcastRuleBroken",
    "Channel",
    "ChannelError",
    "ChannelIncomplete",
    "ChannelInvalid",
    "ChannelOwnerUnknown",
    "ChannelPairTaken",
    "DatabaseUrlInvalid",
    "DatabaseUrlMissing",
    "RuleError",
    "database_url",
    "insert_channel",
    "read_broadcast_id",
    "sqlalchemy_url",
    "typed_errors",
]
