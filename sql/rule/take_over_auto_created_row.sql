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
