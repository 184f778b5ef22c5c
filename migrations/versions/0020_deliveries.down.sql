DROP TABLE public.broadcast_bot_slot;

-- What was sent where is nowhere else: it stays, and so do the settings, until somebody removes them.
DO $$
BEGIN
    IF EXISTS (SELECT FROM public.broadcast_deliveries) THEN
        RAISE EXCEPTION 'broadcast_deliveries holds what was sent where, which this downgrade would lose'
        USING ERRCODE = 'BM004',
            HINT = 'Copy broadcast_deliveries and broadcast_delivery_parts away, DELETE FROM broadcast_deliveries, and downgrade again.';
    END IF;
    DROP TABLE public.broadcast_delivery_parts;
    DROP TABLE public.broadcast_deliveries;
END;
$$;

ALTER TABLE public.broadcast_manager_settings
DROP COLUMN history_kept,
DROP COLUMN chat_interval,
DROP COLUMN messages_per_second,
DROP COLUMN claim_lease;
