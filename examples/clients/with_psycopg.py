"""Register a channel and read its broadcast_id, with psycopg."""

import os

import psycopg

# Leaving the block commits; an exception rolls back.
with psycopg.connect(os.environ["DATABASE_URL"]) as conn:
    # "!" is a hash that no password has.
    (user_id,) = conn.execute(
        "INSERT INTO registered_users (username, email, password_hash) VALUES (%s, %s, %s) RETURNING user_id",
        ["example_psycopg", "psycopg@example.org", "!"],
    ).fetchone()
    channel = {
        "open_id": "-1003415540378",
        "open_title": "Markets at the weekend",
        "open_description": "The week's moves, every Saturday.",
        "closed_id": "-1003430098127",
        "closed_title": "Weekend, members",
        "closed_description": "Positions and the reasons for them.",
        "donation_message": "Thank you for reading us every week.",
        "price": "6.50",
        "days": 30,
        "wallet": "TQn4vXcR7mJd2KbWf8sYhGa5ZpLe3uTo9N",
        "currency": "TRX",
        "network": "TRX",
        "user_id": user_id,
    }
    conn.execute(
        """
        INSERT INTO main_clients_database (
            open_channel_id, open_channel_title, open_channel_description,
            closed_channel_id, closed_channel_title, closed_channel_description, closed_channel_donation_message,
            sub_1_price, sub_1_time,
            client_wallet_address, client_payout_currency, client_payout_network,
            client_id
        ) VALUES (
            %(open_id)s, %(open_title)s, %(open_description)s,
            %(closed_id)s, %(closed_title)s, %(closed_description)s, %(donation_message)s,
            %(price)s, %(days)s,
            %(wallet)s, %(currency)s, %(network)s,
            %(user_id)s
        )
        """,
        channel,
    )
    (broadcast_id,) = conn.execute(
        "SELECT id FROM broadcast_manager WHERE open_channel_id = %(open_id)s AND closed_channel_id = %(closed_id)s",
        channel,
    ).fetchone()

print(f"broadcast_id: {broadcast_id}")
