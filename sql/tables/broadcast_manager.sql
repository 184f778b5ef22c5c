CREATE TABLE IF NOT EXISTS public.broadcast_manager (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    client_id uuid NOT NULL,
    open_channel_id text NOT NULL,
    closed_channel_id text NOT NULL
);

-- One by one, because old copies of the table lack some of them.
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
