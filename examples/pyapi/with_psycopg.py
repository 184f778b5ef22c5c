import os
from uuid import UUID

import psycopg
from channel import new_channel

from pyapi import database_url, insert_channel, typed_errors

channel = new_channel(UUID(os.environ["CLIENT_ID"]), "-1001000000011", "-1002000000011")
# The connection's block commits; typed_errors() is around it because the rule is checked at COMMIT.
with typed_errors(), psycopg.connect(database_url()) as conn:
    broadcast_id = insert_channel(conn, channel)
print(broadcast_id)
