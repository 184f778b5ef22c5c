CREATE TABLE IF NOT EXISTS broadcast.settings (
    is_only_row boolean PRIMARY KEY DEFAULT TRUE CHECK (is_only_row),
    max_channels_per_client integer NOT NULL DEFAULT 10 CHECK (max_channels_per_client >= 0),
    send_interval interval NOT NULL DEFAULT '24 hours' CHECK (send_interval > '0'),
    manual_trigger_interval interval NOT NULL DEFAULT '5 minutes' CHECK (manual_trigger_interval >= '0'),
    retry_pause interval NOT NULL DEFAULT '5 minutes' CHECK (retry_pause > '0'),
    max_retry_pause interval NOT NULL DEFAULT '6 hours'
    CONSTRAINT settings_max_retry_pause_not_shorter CHECK (max_retry_pause >= retry_pause),
    max_consecutive_failures integer NOT NULL DEFAULT 5 CHECK (max_consecutive_failures > 0),
    claim_lease interval NOT NULL DEFAULT '2 minutes' CHECK (claim_lease > '0'),
    messages_per_second numeric DEFAULT 30 CHECK (messages_per_second > 0),
    chat_interval interval DEFAULT '1 second' CHECK (chat_interval > '0'),
    max_lateness interval DEFAULT '6 hours' CHECK (max_lateness > '0'),
    history_kept interval NOT NULL DEFAULT '90 days' CHECK (history_kept > '0'),
    outage_channels integer NOT NULL DEFAULT 10 CHECK (outage_channels > 0),
    outage_share numeric NOT NULL DEFAULT 0.5 CHECK (outage_share > 0 AND outage_share <= 1),
    outage_window interval NOT NULL DEFAULT '15 minutes' CHECK (outage_window > '0'),
    outage_probe_interval interval NOT NULL DEFAULT '30 seconds' CHECK (outage_probe_interval > '0'),
    sending boolean NOT NULL,
    sending_note text,
    CONSTRAINT settings_messages_per_second_is_number CHECK (messages_per_second <> 'NaN')
);

-- Where the platform's tables were there before, its scheduler may be sending: only people know when it is stopped.
INSERT INTO broadcast.settings (sending, sending_note)
SELECT
    f.is_fresh,
    CASE
        WHEN NOT f.is_fresh
            THEN 'This platform was here before. Stop its scheduler, then: broadcast-manager sending on'
    END
FROM (
    SELECT
        to_regclass('public.main_clients_database') IS NULL
        AND to_regclass('public.broadcast_manager') IS NULL AS is_fresh
) AS f
ON CONFLICT DO NOTHING;

COMMENT ON TABLE broadcast.settings IS
'The numbers that channels and broadcasts are held to, in one row; an UPDATE takes effect at once.';
COMMENT ON COLUMN broadcast.settings.max_channels_per_client IS
'As many channels register_channel() gives one client; other writers are not limited.';
COMMENT ON COLUMN broadcast.settings.send_interval IS
'From a sent broadcast to the next one, where it has no schedule of its own.';
COMMENT ON COLUMN broadcast.settings.manual_trigger_interval IS
'From one manual trigger of a broadcast to the next.';
COMMENT ON COLUMN broadcast.settings.retry_pause IS
'From a first failure to the next attempt; doubles with each further one.';
COMMENT ON COLUMN broadcast.settings.max_retry_pause IS
'What the pause between attempts does not grow beyond.';
COMMENT ON COLUMN broadcast.settings.max_consecutive_failures IS
'As many failures in a row switch a broadcast off.';
COMMENT ON COLUMN broadcast.settings.claim_lease IS
'As long a worker may be silent before its broadcast is given back.';
COMMENT ON COLUMN broadcast.settings.messages_per_second IS
'Telegram''s limit for one bot, held across all workers; NULL for none.';
COMMENT ON COLUMN broadcast.settings.chat_interval IS
'Telegram''s limit for one chat: from one message to the next; NULL for none.';
COMMENT ON COLUMN broadcast.settings.max_lateness IS
'What is due since longer than this is skipped and sent at its next turn; NULL: it is sent however late.';
COMMENT ON COLUMN broadcast.settings.history_kept IS
'As long finished deliveries are kept.';
COMMENT ON COLUMN broadcast.settings.outage_channels IS
'So many channels that fail alike, at least, are an outage: nobody''s failures are counted.';
COMMENT ON COLUMN broadcast.settings.outage_share IS
'So large a part of what was tried must have failed alike, besides; 0.5 is half.';
COMMENT ON COLUMN broadcast.settings.outage_window IS
'How far back failures are looked at for that.';
COMMENT ON COLUMN broadcast.settings.outage_probe_interval IS
'From one broadcast that is tried in an outage to the next.';
COMMENT ON COLUMN broadcast.settings.sending IS
'Whether workers take what is due; set_sending() changes it. Off at first in a platform that was there before.';
COMMENT ON COLUMN broadcast.settings.sending_note IS
'Why sending is off, for people; NULL while it is on.';
COMMENT ON COLUMN broadcast.settings.is_only_row IS
'Always true: keeps the table at one row.';
COMMENT ON CONSTRAINT settings_max_retry_pause_not_shorter ON broadcast.settings IS
'The longest pause between attempts is no shorter than the first.';
COMMENT ON CONSTRAINT settings_messages_per_second_is_number ON broadcast.settings IS
'NaN is greater than zero, and no message could be sent.';
