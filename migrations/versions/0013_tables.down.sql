DROP TABLE broadcast.workers;
DROP TABLE broadcast.outage;
DROP TABLE broadcast.integrity_check;
DROP TABLE broadcast.watchers;
DROP TABLE broadcast.foreign_marks;
DROP TABLE broadcast.bot_slot;
DROP TABLE broadcast.notices;
DROP TABLE broadcast.schedules;
DROP TABLE broadcast.switched_off;

-- What was sent where is nowhere else: it stays until somebody removes it.
DO $$
BEGIN
    IF EXISTS (SELECT FROM broadcast.deliveries) THEN
        RAISE EXCEPTION 'broadcast.deliveries holds what was sent where, which this downgrade would lose'
        USING ERRCODE = 'BM004',
            HINT = 'Copy broadcast.deliveries and broadcast.delivery_parts away, DELETE FROM broadcast.deliveries, and downgrade again.';
    END IF;
    DROP TABLE broadcast.delivery_parts;
    DROP TABLE broadcast.deliveries;
END;
$$;

-- What somebody has filled in stays.
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM broadcast.operators) THEN
        PERFORM broadcast.lock_without_queueing('ACCESS EXCLUSIVE', 'public.registered_users');
        DROP TABLE broadcast.operators;
    END IF;
END;
$$;
