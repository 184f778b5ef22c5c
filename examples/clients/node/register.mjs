// Register a channel and read its broadcast_id, with node-postgres.

import pg from "pg";

const client = new pg.Client({ connectionString: process.env.DATABASE_URL });
await client.connect();
try {
  await client.query("BEGIN");
  // "!" is a hash that no password has.
  const user = await client.query(
    "INSERT INTO registered_users (username, email, password_hash) VALUES ($1, $2, $3) RETURNING user_id",
    ["example_node", "node@example.org", "!"],
  );
  const pair = ["-1003317460183", "-1003329958274"];
  await client.query(
    `INSERT INTO main_clients_database (
       open_channel_id, closed_channel_id,
       open_channel_title, open_channel_description,
       closed_channel_title, closed_channel_description, closed_channel_donation_message,
       sub_1_price, sub_1_time,
       client_wallet_address, client_payout_currency, client_payout_network,
       client_id
     ) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)`,
    [
      ...pair,
      ...["Options for the patient", "One trade a month, explained."],
      ...["Options, inside", "Strikes, dates and the exit.", "Patience pays. So may you."],
      ...["19.00", 90],
      ...["0x4F1b0c9E2d83A75f6bC0D1e8a97F36254Ed8b0A1", "USDT", "ETH"],
      user.rows[0].user_id,
    ],
  );
  const broadcast = await client.query(
    "SELECT id FROM broadcast_manager WHERE open_channel_id = $1 AND closed_channel_id = $2",
    pair,
  );
  await client.query("COMMIT");
  console.log(`broadcast_id: ${broadcast.rows[0].id}`);
} finally {
  // Without COMMIT the server rolls back.
  await client.end();
}
