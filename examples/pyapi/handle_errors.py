import os
from uuid import UUID

import psycopg
from channel import new_channel

from pyapi import ChannelError, ChannelPairTaken, RuleError, database_url, insert_channel, typed_errors

channel = new_channel(UUID(os.environ["CLIENT_ID"]), "-1001000000017", "-1002000000017")
for attempt in ("first", "second"):
    try:
        with typed_errors(), psycopg.connect(database_url()) as conn:
            insert_channel(conn, channel)
    except ChannelPairTaken:
        print(f"{attempt}: somebody has registered this pair")
    except ChannelError as error:
        print(f"{attempt}: {error}")  # begins with the column, if the database named one
    except RuleError as error:
        print(f"{attempt}: {error.sqlstate} {error.constraint}: {error}; {error.hint}")
    else:
        print(f"{attempt}: registered")
