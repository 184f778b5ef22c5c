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

CREATE TABLE broadcast.undo (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    revision text NOT NULL,
    statement text NOT NULL
);

COMMENT ON TABLE broadcast.undo IS
'What an upgrade changed on objects it did not make, as the statements by which a downgrade changes it back.';
COMMENT ON COLUMN broadcast.undo.id IS
'Counts up; a downgrade takes the statements from the last to the first.';
COMMENT ON COLUMN broadcast.undo.revision IS
'The revision whose downgrade runs the statement.';
COMMENT ON COLUMN broadcast.undo.statement IS
'What changes it back.';

CREATE TABLE IF NOT EXISTS broadcast.quarantine (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    quarantined_at timestamptz NOT NULL DEFAULT now(),
    reason text NOT NULL
    CHECK (reason IN ('channel_gone', 'duplicate', 'owner_corrected', 'relinked')),
    broadcast_id uuid,
    broadcast_row jsonb NOT NULL
);

COMMENT ON TABLE broadcast.quarantine IS
'Broadcast rows as they were before a repair moved or changed them, with the reason: nothing is lost.';
COMMENT ON COLUMN broadcast.quarantine.reason IS
'channel_gone and duplicate: the row was taken out; owner_corrected and relinked: the row stayed, changed.';
COMMENT ON COLUMN broadcast.quarantine.broadcast_row IS
'The whole row; jsonb_populate_record(NULL::public.broadcast_manager, broadcast_row) makes it a row again.';
COMMENT ON COLUMN broadcast.quarantine.id IS
'Counts up, in the order in which rows came.';
COMMENT ON COLUMN broadcast.quarantine.quarantined_at IS
'When the repair moved or changed the row.';
COMMENT ON COLUMN broadcast.quarantine.broadcast_id IS
'The row''s id.';

CREATE OR REPLACE FUNCTION broadcast.lock_without_queueing(lock_mode text, VARIADIC tables regclass [])
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    table_list constant text := (SELECT string_agg(t::text, ', ') FROM unnest(tables) AS t);
    holders text;
BEGIN
    -- Both become part of a statement.
    IF coalesce(upper(lock_mode), '') NOT IN (
        'ACCESS SHARE', 'ROW SHARE', 'ROW EXCLUSIVE', 'SHARE UPDATE EXCLUSIVE',
        'SHARE', 'SHARE ROW EXCLUSIVE', 'EXCLUSIVE', 'ACCESS EXCLUSIVE'
    ) THEN
        RAISE EXCEPTION '% is no lock mode', coalesce(lock_mode, 'NULL') USING ERRCODE = '22023';
    ELSIF coalesce(cardinality(tables), 0) = 0
        OR EXISTS (SELECT FROM unnest(tables) AS t WHERE t IS NULL OR NOT EXISTS (SELECT FROM pg_class AS c WHERE c.oid = t))
    THEN
        RAISE EXCEPTION 'there is no table to lock, or not each of them is there' USING ERRCODE = '22023';
    END IF;
    FOR attempt IN 1..60 LOOP
        BEGIN
            -- Everyone who comes after a waiting lock request waits behind it: so wait briefly, 100 ms for all tables
            -- together, then step back. Shorter than deadlock_timeout, so that a client never pays for a deadlock with us.
            PERFORM set_config('lock_timeout', (100 / cardinality(tables))::text, true);
            EXECUTE format('LOCK TABLE %s IN %s MODE', table_list, lock_mode);
            RETURN;
        EXCEPTION WHEN lock_not_available THEN
            SELECT string_agg(DISTINCT CASE
                WHEN l.pid IS NULL THEN 'a prepared transaction of those in pg_prepared_xacts'
                ELSE format(
                    'pid %s (%s, %s, %s) since %s', a.pid, a.usename, coalesce(nullif(a.application_name, ''), '?'),
                    a.state, a.xact_start
                )
            END, '; ') INTO holders
            FROM pg_locks AS l
            LEFT JOIN pg_stat_activity AS a ON l.pid = a.pid
            WHERE l.relation = ANY (tables) AND l.granted AND l.pid IS DISTINCT FROM pg_backend_pid()
                AND l.database = (SELECT d.oid FROM pg_database AS d WHERE d.datname = current_database());
            RAISE NOTICE 'waiting for % on %, held by %', lock_mode, table_list, coalesce(holders, 'nobody any more');
            PERFORM pg_sleep(least(0.1 * 1.5 ^ attempt, 5) * (0.5 + random() / 2));
        END;
    END LOOP;
    RAISE EXCEPTION 'no % lock on % after 60 attempts', lock_mode, table_list
    USING ERRCODE = 'BM003',
        DETAIL = 'held by ' || coalesce(holders, 'sessions that come and go'),
        HINT = 'End those transactions, or wait for them, and run the migration again: it goes on where it stopped.';
END;
$$;

COMMENT ON FUNCTION broadcast.lock_without_queueing(text, regclass []) IS
'Locks tables for a migration without making clients queue: waits 100 ms at most, steps back, tries again.';
REVOKE ALL ON FUNCTION broadcast.lock_without_queueing(text, regclass []) FROM public;
