-- The schema as the live system has it, before the first upgrade: nothing ties a channel to its
-- broadcast row, and the only cascades run from registered_users.

CREATE TYPE public.currency_type AS ENUM (
  'BTC', 'ETH', 'LTC', 'SHIB', 'TRX', 'USDC', 'USDT', 'XMR'
);

CREATE TYPE public.network_type AS ENUM (
  'BSC', 'BTC', 'ETH', 'LTC', 'MATIC', 'SOL', 'TRX', 'XMR'
);

CREATE TABLE public.registered_users (
  user_id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  username varchar(50) NOT NULL UNIQUE,
  email varchar(255) NOT NULL UNIQUE,
  password_hash varchar(255) NOT NULL,
  is_active boolean DEFAULT true,
  email_verified boolean DEFAULT false,
  verification_token varchar(255),
  reset_token varchar(255),
  created_at timestamp DEFAULT now(),
  updated_at timestamp DEFAULT now(),
  last_login timestamp
);

CREATE TABLE public.main_clients_database (
  id serial PRIMARY KEY,
  open_channel_id varchar(14) NOT NULL CHECK (open_channel_id ~ '^-?[0-9]{5,14}$'),
  open_channel_title varchar(30) NOT NULL,
  open_channel_description varchar(140) NOT NULL,
  closed_channel_id varchar(14) NOT NULL CHECK (closed_channel_id ~ '^-?[0-9]{5,14}$'),
  closed_channel_title varchar(30) NOT NULL,
  closed_channel_description varchar(140) NOT NULL,
  closed_channel_donation_message varchar(256) NOT NULL
    CHECK (length(trim(closed_channel_donation_message)) > 0),
  sub_1_price numeric(10, 2) NOT NULL CHECK (sub_1_price > 0),
  sub_1_time smallint NOT NULL CHECK (sub_1_time > 0),
  sub_2_price numeric(10, 2) CHECK (sub_2_price > 0),
  sub_2_time smallint CHECK (sub_2_time > 0),
  sub_3_price numeric(10, 2) CHECK (sub_3_price > 0),
  sub_3_time smallint CHECK (sub_3_time > 0),
  client_wallet_address varchar(95) NOT NULL,
  client_payout_currency public.currency_type NOT NULL,
  client_payout_network public.network_type NOT NULL,
  payout_strategy varchar(20) DEFAULT 'instant'
    CHECK (payout_strategy IN ('instant', 'threshold')),
  payout_threshold_usd numeric(10, 2) DEFAULT 0,
  payout_threshold_updated_at timestamp,
  client_id uuid NOT NULL,
  created_by varchar(50),
  updated_at timestamp DEFAULT now(),
  notification_status boolean NOT NULL DEFAULT false,
  notification_id bigint,
  CONSTRAINT main_clients_channel_pair UNIQUE (open_channel_id, closed_channel_id),
  CONSTRAINT fk_client_user FOREIGN KEY (client_id)
    REFERENCES public.registered_users (user_id) ON DELETE CASCADE
);

CREATE INDEX idx_main_clients_client_id ON public.main_clients_database (client_id);

CREATE TABLE public.broadcast_manager (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  client_id uuid NOT NULL,
  open_channel_id text NOT NULL,
  closed_channel_id text NOT NULL,
  last_sent_time timestamptz,
  next_send_time timestamptz DEFAULT now(),
  broadcast_status varchar(20) DEFAULT 'pending',
  last_manual_trigger_time timestamptz,
  manual_trigger_count integer DEFAULT 0,
  total_broadcasts integer DEFAULT 0,
  successful_broadcasts integer DEFAULT 0,
  failed_broadcasts integer DEFAULT 0,
  consecutive_failures integer DEFAULT 0,
  last_error_message text,
  last_error_time timestamptz,
  is_active boolean DEFAULT true,
  last_open_message_id bigint,
  last_closed_message_id bigint,
  last_open_message_sent_at timestamp,
  last_closed_message_sent_at timestamp,
  created_at timestamptz DEFAULT now(),
  updated_at timestamptz DEFAULT now(),
  CONSTRAINT unique_channel_pair UNIQUE (open_channel_id, closed_channel_id),
  CONSTRAINT valid_status CHECK (
    broadcast_status IN ('pending', 'in_progress', 'completed', 'failed', 'skipped')
  ),
  CONSTRAINT fk_broadcast_client FOREIGN KEY (client_id)
    REFERENCES public.registered_users (user_id) ON DELETE CASCADE
);

CREATE INDEX idx_broadcast_client ON public.broadcast_manager (client_id);
CREATE INDEX idx_broadcast_status ON public.broadcast_manager (broadcast_status)
WHERE is_active;
CREATE INDEX idx_broadcast_next_send ON public.broadcast_manager (next_send_time)
WHERE is_active;
