CREATE OR REPLACE FUNCTION broadcast.schedule_of(broadcast_id uuid)
RETURNS jsonb
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp SET row_security = off
AS $$
    SELECT coalesce(
        (
            SELECT jsonb_build_object(
                'kind', CASE WHEN s.send_at IS NULL THEN 'by_hand' ELSE 'daily' END,
                'send_at', to_char(s.send_at, 'HH24:MI'),
                'time_zone', s.time_zone
            )
            FROM broadcast.schedules AS s
            WHERE s.broadcast_id = schedule_of.broadcast_id
        ),
        '{"kind": "interval", "send_at": null, "time_zone": null}'
    );
$$;

COMMENT ON FUNCTION broadcast.schedule_of(uuid) IS
'When a broadcast is sent, as store_schedule() takes it.';
REVOKE ALL ON FUNCTION broadcast.schedule_of(uuid) FROM public;
