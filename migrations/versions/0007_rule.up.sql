-- The rule goes on in one short transaction, before any repair: from here on new channels have their rows, and
-- rows that are in order follow their channels. The keys look at old rows later, when they are validated.
CREATE OR REPLACE FUNCTION broadcast.create_broadcast_rows()
RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    -- By it take_over_auto_created_row() knows what was created here and now.
    mark constant bytea := broadcast.transaction_mark();
BEGIN
    INSERT INTO public.broadcast_manager (
        id, client_id, open_channel_id, closed_channel_id,
        broadcast_status, is_active, next_send_time,
        total_broadcasts, successful_broadcasts, failed_broadcasts, consecutive_failures, manual_trigger_count,
        created_at, updated_at
    )
    SELECT
        encode(overlay(uuid_send(gen_random_uuid()) PLACING mark FROM 1), 'hex')::uuid,
        c.client_id, c.open_channel_id, c.closed_channel_id,
        'pending', true, now(),
        0, 0, 0, 0, 0,
        now(), now()
    FROM new_channels AS c
    -- The row can be there already: an older client made it in the same statement, or a trigger of its own did.
    ON CONFLICT (open_channel_id, closed_channel_id) DO NOTHING;
    RETURN NULL;
END;
$$;

COMMENT ON FUNCTION broadcast.create_broadcast_rows() IS
'Creates the broadcast row of every channel that the statement inserted.';
REVOKE ALL ON FUNCTION broadcast.create_broadcast_rows() FROM public;

CREATE OR REPLACE FUNCTION broadcast.take_over_auto_created_row()
RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
-- By the pair's unique key, even where the statistics still call the table empty.
SET enable_seqscan = off
AS $$
DECLARE
    this constant bigint := pg_current_xact_id()::text::bigint;
BEGIN
    DELETE FROM public.broadcast_manager AS b
    WHERE b.open_channel_id = NEW.open_channel_id
        AND b.closed_channel_id = NEW.closed_channel_id
        -- Created by the rule in a transaction that began in the same microsecond as this one,
        AND CASE WHEN substr(uuid_send(b.id), 1, 8) = broadcast.transaction_mark()
            -- and in this very one: what can be seen before it is committed is our own, savepoints included. xmin has
            -- 32 bits: its transaction is the one of that number that is nearest to this one.
            THEN pg_xact_status(
                (this + ((b.xmin::text::bigint - this + 2147483648) & 4294967295) - 2147483648)::text::xid8
            ) = 'in progress'
        END;
    RETURN NEW;
END;
$$;

COMMENT ON FUNCTION broadcast.take_over_auto_created_row() IS
'Makes way for a broadcast row that a client inserts itself after its channel, in the same transaction.';
REVOKE ALL ON FUNCTION broadcast.take_over_auto_created_row() FROM public;

CREATE OR REPLACE FUNCTION broadcast.refuse_broadcast_truncate()
RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF current_setting('broadcast_manager.allow_truncate', true) IS DISTINCT FROM 'on'
        -- What it may not see, it takes for there.
        AND (row_security_active('public.main_clients_database') OR EXISTS (SELECT FROM public.main_clients_database))
    THEN
        RAISE EXCEPTION 'broadcast_manager cannot be truncated while there are channels'
        USING ERRCODE = 'BM002',
            DETAIL = 'TRUNCATE ... CASCADE would remove every channel together with its broadcast row.',
            HINT = 'To empty both, as test fixtures do: DELETE FROM main_clients_database, '
                'or SET LOCAL broadcast_manager.allow_truncate = ''on'' in the transaction that truncates.';
    END IF;
    RETURN NULL;
END;
$$;

COMMENT ON FUNCTION broadcast.refuse_broadcast_truncate() IS
'Refuses to truncate broadcast rows under living channels, and channels by way of them.';
REVOKE ALL ON FUNCTION broadcast.refuse_broadcast_truncate() FROM public;

-- Clients wait from here to the COMMIT, so what can be done before is done before.
DO $$
BEGIN
    IF EXISTS (
        SELECT FROM pg_constraint AS k
        WHERE k.contype = 'f'
            AND k.conrelid = 'public.main_clients_database'::regclass
            AND k.confrelid = 'public.registered_users'::regclass
            AND k.conkey = ARRAY[(
                SELECT a.attnum FROM pg_attribute AS a WHERE a.attrelid = k.conrelid AND a.attname = 'client_id'
            )]
    ) THEN
        PERFORM broadcast.lock_without_queueing(
            'SHARE ROW EXCLUSIVE', 'public.main_clients_database', 'public.broadcast_manager'
        );
    ELSE
        PERFORM broadcast.lock_without_queueing(
            'SHARE ROW EXCLUSIVE',
            'public.registered_users', 'public.main_clients_database', 'public.broadcast_manager'
        );
        ALTER TABLE public.main_clients_database
        ADD CONSTRAINT main_clients_database_owner_fkey
        FOREIGN KEY (client_id) REFERENCES public.registered_users (user_id) ON DELETE CASCADE
        NOT VALID;

        COMMENT ON CONSTRAINT main_clients_database_owner_fkey ON public.main_clients_database IS
        'A channel goes with its owner; made only where no such key was there.';
    END IF;
END;
$$;

CREATE TRIGGER create_broadcast_rows
AFTER INSERT ON public.main_clients_database
REFERENCING NEW TABLE AS new_channels
FOR EACH STATEMENT EXECUTE FUNCTION broadcast.create_broadcast_rows();

COMMENT ON TRIGGER create_broadcast_rows ON public.main_clients_database IS
'Every new channel gets its broadcast row in the same transaction.';

-- WHEN keeps it off the way of the rows that create_broadcast_rows() makes. It spells out broadcast.transaction_mark(),
-- because a client that inserts needs no EXECUTE on what PostgreSQL itself brings.
CREATE TRIGGER take_over_auto_created_row
BEFORE INSERT ON public.broadcast_manager
FOR EACH ROW
WHEN (
    substr(uuid_send(NEW.id), 1, 8) IS DISTINCT FROM int8send(
        ((date_part('epoch', now()) * 1000000)::bigint / 1000 << 16) | 32768
        | ((date_part('epoch', now()) * 1000000)::bigint % 1000 << 2)
    )
)
EXECUTE FUNCTION broadcast.take_over_auto_created_row();

COMMENT ON TRIGGER take_over_auto_created_row ON public.broadcast_manager IS
'A client that still inserts the broadcast row itself gets its own row and keeps its id.';

CREATE TRIGGER refuse_broadcast_truncate
BEFORE TRUNCATE ON public.broadcast_manager
FOR EACH STATEMENT EXECUTE FUNCTION broadcast.refuse_broadcast_truncate();

COMMENT ON TRIGGER refuse_broadcast_truncate ON public.broadcast_manager IS
'TRUNCATE does not get around the rule, and TRUNCATE CASCADE does not silently take the channels along.';

ALTER TABLE public.broadcast_manager
ADD CONSTRAINT broadcast_manager_client_id_pair_fkey
FOREIGN KEY (client_id, open_channel_id, closed_channel_id)
REFERENCES public.main_clients_database (client_id, open_channel_id, closed_channel_id)
ON DELETE CASCADE ON UPDATE CASCADE
NOT VALID;

COMMENT ON CONSTRAINT broadcast_manager_client_id_pair_fkey ON public.broadcast_manager IS
'A broadcast row has its channel''s pair and owner, follows them, and goes with the channel.';

-- Most clients have one channel. PostgreSQL would take an index on client_id alone for this key's lookups, and read all
-- rows of a client with many channels once for each of them. It is told to expect a hundred rows of each client.
DO $$
BEGIN
    IF NOT EXISTS (
        SELECT FROM pg_attribute AS a
        CROSS JOIN pg_options_to_table(a.attoptions) AS o
        WHERE a.attrelid = 'public.broadcast_manager'::regclass AND a.attname = 'client_id' AND o.option_name = 'n_distinct'
    ) THEN
        ALTER TABLE public.broadcast_manager ALTER COLUMN client_id SET (n_distinct = -0.01);
    END IF;
END;
$$;
