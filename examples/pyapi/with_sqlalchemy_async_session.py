import asyncio
import os
from uuid import UUID

from channel import new_channel
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine

from pyapi import insert_channel, sqlalchemy_url, typed_errors


async def main() -> None:
    engine = create_async_engine(sqlalchemy_url())
    channel = new_channel(UUID(os.environ["CLIENT_ID"]), "-1001000000015", "-1002000000015")
    with typed_errors():
        async with AsyncSession(engine) as session, session.begin():
            broadcast_id = await insert_channel(session, channel)
    await engine.dispose()
    print(broadcast_id)


asyncio.run(main())
