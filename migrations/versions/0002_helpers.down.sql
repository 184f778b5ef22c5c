DROP FUNCTION broadcast.lock_without_queueing(text, regclass []);
DROP TABLE broadcast.undo;

-- A filled quarantine stays: it holds rows that are nowhere else.
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM broadcast.quarantine) THEN
        DROP TABLE broadcast.quarantine;
    END IF;
END;
$$;

-- What somebody has filled in stays; after a further upgrade somebody has to say again that nobody else sends.
DO $$
BEGIN
    IF EXISTS (
        SELECT FROM broadcast.settings AS s
        WHERE (
            s.max_channels_per_client, s.send_interval, s.manual_trigger_interval,
            s.retry_pause, s.max_retry_pause, s.max_consecutive_failures
        ) = (10, interval '24 hours', interval '5 minutes', interval '5 minutes', interval '6 hours', 5)
    ) THEN
        DROP TABLE broadcast.settings;
    ELSE
        UPDATE broadcast.settings
        SET sending = FALSE,
            sending_note = 'The rule was taken away meanwhile. Stop other schedulers, then: broadcast-manager sending on';
    END IF;
END;
$$;
