CREATE OR REPLACE FUNCTION broadcast.forget_old_deliveries()
RETURNS bigint
LANGUAGE sql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET row_security = off
AS $$
    -- Reasons of broadcasts that are on again or gone.
    DELETE FROM broadcast.switched_off AS s
    WHERE NOT EXISTS (
        SELECT FROM public.broadcast_manager AS b
        WHERE b.id = s.broadcast_id AND b.is_active IS NOT TRUE
    );
    DELETE FROM broadcast.schedules AS s
    WHERE NOT EXISTS (SELECT FROM public.broadcast_manager AS b WHERE b.id = s.broadcast_id);
    DELETE FROM broadcast.notices AS n
    USING broadcast.settings AS s
    WHERE n.noted_at < now() - s.history_kept;
    WITH forgotten AS (
        DELETE FROM broadcast.deliveries AS d
        USING broadcast.settings AS s
        WHERE d.finished_at < now() - s.history_kept
            -- A message that is still in its chat must be deleted before the next one is sent, so its delivery is kept.
            AND NOT EXISTS (
                SELECT FROM broadcast.delivery_parts AS p
                INNER JOIN public.broadcast_manager AS b ON d.broadcast_id = b.id
                WHERE p.delivery_id = d.id AND p.state = 'sent' AND p.deleted_at IS NULL
            )
        RETURNING d.id
    )
    SELECT count(*) FROM forgotten;
$$;

COMMENT ON FUNCTION broadcast.forget_old_deliveries() IS
'Deletes finished deliveries and notices older than the settings keep them, except deliveries whose messages are still '
'to be replaced.';
REVOKE ALL ON FUNCTION broadcast.forget_old_deliveries() FROM public;
