import os
import random
import time
from uuid import UUID

import psycopg
from channel import new_channel
from psycopg.errors import DeadlockDetected, SerializationFailure

from pyapi import Channel, database_url, insert_channel, typed_errors


def register(channel: Channel, attempts: int = 5) -> UUID:
    for attempt in range(1, attempts + 1):
        try:
            with typed_errors(), psycopg.connect(database_url()) as conn:
                conn.isolation_level = psycopg.IsolationLevel.SERIALIZABLE
                return insert_channel(conn, channel)
        except (SerializationFailure, DeadlockDetected):
            if attempt == attempts:
                raise
            time.sleep(random.uniform(0, 0.05 * 2**attempt))
    raise ValueError("attempts must be at least 1")


print(register(new_channel(UUID(os.environ["CLIENT_ID"]), "-1001000000016", "-1002000000016")))
