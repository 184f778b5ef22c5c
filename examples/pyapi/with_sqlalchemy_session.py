import os
from uuid import UUID

from channel import new_channel
from sqlalchemy import create_engine
from sqlalchemy.orm import Session

from pyapi import insert_channel, read_broadcast_id, sqlalchemy_url, typed_errors

engine = create_engine(sqlalchemy_url())
channel = new_channel(UUID(os.environ["CLIENT_ID"]), "-1001000000014", "-1002000000014")
with typed_errors(), Session(engine) as session, session.begin():
    insert_channel(session, channel)
    # Any time later, in any transaction that sees the channel:
    print(read_broadcast_id(session, channel.open_channel_id, channel.closed_channel_id))
engine.dispose()
