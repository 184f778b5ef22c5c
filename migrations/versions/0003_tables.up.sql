CREATE TABLE IF NOT EXISTS public.registered_users (
    user_id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    username varchar(50) NOT NULL UNIQUE,
    email varchar(255) NOT NULL UNIQUE,
    password_hash varchar(255) NOT NULL,
    is_active boolean NOT NULL DEFAULT TRUE,
    email_verified boolean NOT NULL DEFAULT FALSE,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    last_login timestamptz
);

CREATE TABLE IF NOT EXISTS public.main_clients_database (
    id serial PRIMARY KEY,
    open_channel_id varchar(14) NOT NULL CHECK (open_channel_id ~ '^-?[0-9]{5,14}$'),
    open_channel_title varchar(30),
    open_channel_description varchar(140),
    closed_channel_id varchar(14) NOT NULL CHECK (closed_channel_id ~ '^-?[0-9]{5,14}$'),
    closed_channel_title varchar(30),
    closed_channel_description varchar(140),
    closed_channel_donation_message varchar(256) NOT NULL CHECK (btrim(closed_channel_donation_message) <> ''),
    sub_1_price numeric(10, 2) NOT NULL CHECK (sub_1_price > 0),
    sub_1_time smallint NOT NULL CHECK (sub_1_time > 0),
    sub_2_price numeric(10, 2) CHECK (sub_2_price > 0),
    sub_2_time smallint CHECK (sub_2_time > 0),
    sub_3_price numeric(10, 2) CHECK (sub_3_price > 0),
    sub_3_time smallint CHECK (sub_3_time > 0),
    client_wallet_address varchar(95) NOT NULL,
    client_payout_currency text NOT NULL,
    client_payout_network text NOT NULL,
    payout_strategy varchar(20) NOT NULL DEFAULT 'instant' CHECK (payout_strategy IN ('instant', 'threshold')),
    payout_threshold_usd numeric(10, 2),
    payout_threshold_updated_at timestamptz,
    client_id uuid NOT NULL,
    created_by varchar(50),
    updated_at timestamptz NOT NULL DEFAULT now(),
    notification_status boolean NOT NULL DEFAULT FALSE,
    notification_id bigint
);

CREATE TABLE IF NOT EXISTS public.broadcast_manager (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    client_id uuid NOT NULL,
    open_channel_id text NOT NULL,
    closed_channel_id text NOT NULL
);

-- Old copies of the table lack some of these columns. The table is locked only where one is missing.
DO $$
BEGIN
    IF (
        SELECT count(*) FROM pg_attribute AS a
        WHERE a.attrelid = 'public.broadcast_manager'::regclass AND NOT a.attisdropped
            AND a.attname IN (
                'last_sent_time', 'next_send_time', 'broadcast_status', 'last_manual_trigger_time',
                'manual_trigger_count', 'total_broadcasts', 'successful_broadcasts', 'failed_broadcasts',
                'consecutive_failures', 'last_error_message', 'last_error_time', 'is_active',
                'last_open_message_id', 'last_closed_message_id', 'last_open_message_sent_at', 'last_closed_message_sent_at',
                'created_at', 'updated_at'
            )
    ) < 18 THEN
        PERFORM broadcast.lock_without_queueing('ACCESS EXCLUSIVE', 'public.broadcast_manager');
        ALTER TABLE public.broadcast_manager
        ADD COLUMN IF NOT EXISTS last_sent_time timestamptz,
        ADD COLUMN IF NOT EXISTS next_send_time timestamptz DEFAULT now(),
        ADD COLUMN IF NOT EXISTS broadcast_status varchar(20) DEFAULT 'pending'
        CHECK (broadcast_status IN ('pending', 'in_progress', 'completed', 'failed', 'skipped')),
        ADD COLUMN IF NOT EXISTS last_manual_trigger_time timestamptz,
        ADD COLUMN IF NOT EXISTS manual_trigger_count integer DEFAULT 0,
        ADD COLUMN IF NOT EXISTS total_broadcasts integer DEFAULT 0,
        ADD COLUMN IF NOT EXISTS successful_broadcasts integer DEFAULT 0,
        ADD COLUMN IF NOT EXISTS failed_broadcasts integer DEFAULT 0,
        ADD COLUMN IF NOT EXISTS consecutive_failures integer DEFAULT 0,
        ADD COLUMN IF NOT EXISTS last_error_message text,
        ADD COLUMN IF NOT EXISTS last_error_time timestamptz,
        ADD COLUMN IF NOT EXISTS is_active boolean DEFAULT TRUE,
        ADD COLUMN IF NOT EXISTS last_open_message_id bigint,
        ADD COLUMN IF NOT EXISTS last_closed_message_id bigint,
        ADD COLUMN IF NOT EXISTS last_open_message_sent_at timestamptz,
        ADD COLUMN IF NOT EXISTS last_closed_message_sent_at timestamptz,
        ADD COLUMN IF NOT EXISTS created_at timestamptz DEFAULT now(),
        ADD COLUMN IF NOT EXISTS updated_at timestamptz DEFAULT now();
    END IF;
END;
$$;
