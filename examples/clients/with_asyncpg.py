"""Register a channel and read its broadcast_id, with asyncpg."""

import asyncio
import os
from decimal import Decimal

import asyncpg


async def main() -> None:
    conn = await asyncpg.connect(os.environ["DATABASE_URL"])
    try:
        async with conn.transaction():
            # "!" is a hash that no password has.
            user_id = await conn.fetchval(
                "INSERT INTO registered_users (username, email, password_hash) VALUES ($1, $2, $3) RETURNING user_id",
                *("example_asyncpg", "asyncpg@example.org", "!"),
            )
            pair = "-1003421893720", "-1003437754016"
            await conn.execute(
                """
                INSERT INTO main_clients_database (
                    open_channel_id, closed_channel_id,
                    open_channel_title, open_channel_description,
                    closed_channel_title, closed_channel_description, closed_channel_donation_message,
                    sub_1_price, sub_1_time,
                    client_wallet_address, client_payout_currency, client_payout_network,
                    client_id
                ) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
                """,
                *pair,
                *("Snooker prices", "Frame handicaps, before the first break."),
                *("Snooker prices, inside", "Century prices we took.", "Stand us a pint?"),
                *(Decimal("4.00"), 7),
                *("bc1q5x7n0c2v4m6t8r1y3e5w7p9s2d4f6g8h0j3k5l", "BTC", "BTC"),
                user_id,
            )
            broadcast_id = await conn.fetchval(
                "SELECT id FROM broadcast_manager WHERE open_channel_id = $1 AND closed_channel_id = $2", *pair
            )
    finally:
        await conn.close()
    print(f"broadcast_id: {broadcast_id}")


asyncio.run(main())
