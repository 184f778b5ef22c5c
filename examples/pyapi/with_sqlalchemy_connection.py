import os
from uuid import UUID

from channel import new_channel
from sqlalchemy import create_engine

from pyapi import insert_channel, sqlalchemy_url, typed_errors

engine = create_engine(sqlalchemy_url())
channel = new_channel(UUID(os.environ["CLIENT_ID"]), "-1001000000013", "-1002000000013")
with typed_errors(), engine.begin() as conn:
    broadcast_id = insert_channel(conn, channel)
print(broadcast_id)
engine.dispose()
