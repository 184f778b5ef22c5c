import asyncio
import os
from uuid import UUID

import psycopg
from channel import new_channel

from pyapi import database_url, insert_channel, typed_errors


async def main() -> None:
    channel = new_channel(UUID(os.environ["CLIENT_ID"]), "-1001000000012", "-1002000000012")
    with typed_errors():
        async with await psycopg.AsyncConnection.connect(database_url()) as conn:
            broadcast_id = await insert_channel(conn, channel)
    print(broadcast_id)


asyncio.run(main())
