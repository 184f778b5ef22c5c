CREATE OR REPLACE FUNCTION broadcast.channel_page(
    client_id uuid,
    search text DEFAULT '',
    state text DEFAULT '',
    sort text DEFAULT 'attention',
    after text [] DEFAULT NULL,
    before text [] DEFAULT NULL,
    open_channel_id text DEFAULT NULL,
    closed_channel_id text DEFAULT NULL,
    page_size integer DEFAULT 50
)
RETURNS json
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET row_security = off
SET timezone = 'UTC'
-- Compiling takes longer than a thousand channels.
SET jit = off
AS $$
    WITH own AS MATERIALIZED (
        SELECT
            c.open_channel_id::text AS open_id,
            c.closed_channel_id::text AS closed_id,
            lower(coalesce(c.open_channel_title, c.open_channel_id)) AS name,
            lower(concat_ws(
                E'\n', c.open_channel_title, c.closed_channel_title, c.open_channel_id, c.closed_channel_id
            )) AS words,
            b.next_send_time,
            broadcast.channel_problem(c) IS NOT NULL AS has_problem,
            CASE WHEN b.is_active IS NOT TRUE AND b.id IS NOT NULL THEN broadcast.off_reason(b) END AS off_reason,
            CASE WHEN b.id IS NOT NULL THEN broadcast.broadcast_state(b) ELSE 'none' END AS state
        FROM public.main_clients_database AS c
        LEFT JOIN public.broadcast_manager AS b
            ON c.open_channel_id = b.open_channel_id AND c.closed_channel_id = b.closed_channel_id
        WHERE c.client_id = channel_page.client_id
    ), found AS MATERIALIZED (
        SELECT
            o.*,
            CASE channel_page.sort
                WHEN 'title' THEN ''
                WHEN 'next' THEN
                    CASE
                        WHEN o.off_reason IS NULL AND isfinite(o.next_send_time)
                            THEN to_char(o.next_send_time, 'YYYYMMDDHH24MISSUS')
                        ELSE '9'
                    END
                ELSE
                    CASE
                        WHEN o.state = 'none' OR o.off_reason = 'failures' THEN '0'
                        WHEN o.state IN ('failed', 'unknown') OR o.has_problem THEN '1'
                        WHEN o.state = 'skipped' OR o.off_reason IS NOT NULL THEN '2'
                        WHEN o.state IN ('sending', 'queued') THEN '3'
                        ELSE '4'
                    END
            END COLLATE "C" AS rank
        FROM own AS o
        WHERE position(lower(btrim(channel_page.search)) IN o.words) > 0
    ), counts AS (
        SELECT
            f.state,
            count(*) AS count
        FROM found AS f
        GROUP BY f.state
    ), listed AS MATERIALIZED (
        SELECT
            f.*,
            row_number() OVER (ORDER BY f.rank, f.name, f.open_id, f.closed_id) AS number
        FROM found AS f
        WHERE channel_page.state = '' OR f.state = channel_page.state
    ), first AS (
        SELECT
            count(*) AS matching,
            CASE
                WHEN channel_page.after IS NOT NULL
                    THEN count(*) FILTER (
                        WHERE (l.rank, l.name, l.open_id, l.closed_id) <= (
                            channel_page.after[1], channel_page.after[2], channel_page.after[3], channel_page.after[4]
                        )
                    )
                WHEN channel_page.before IS NOT NULL
                    THEN greatest(
                        count(*) FILTER (
                            WHERE (l.rank, l.name, l.open_id, l.closed_id) < (
                                channel_page.before[1], channel_page.before[2],
                                channel_page.before[3], channel_page.before[4]
                            )
                        ) - channel_page.page_size,
                        0
                    )
                ELSE 0
            END AS passed
        FROM listed AS l
    ), page AS MATERIALIZED (
        SELECT
            l.open_id,
            l.closed_id,
            l.number,
            ARRAY[l.rank, l.name, l.open_id, l.closed_id] AS place
        FROM listed AS l
        CROSS JOIN first AS f
        WHERE l.number > f.passed AND l.number <= f.passed + channel_page.page_size
    ), wanted AS MATERIALIZED (
        SELECT
            p.open_id,
            p.closed_id,
            p.number
        FROM page AS p
        WHERE channel_page.open_channel_id IS NULL
        UNION ALL
        SELECT channel_page.open_channel_id, channel_page.closed_channel_id, 1
        WHERE channel_page.open_channel_id IS NOT NULL
    )

    SELECT json_build_object(
        'channels', (
            SELECT coalesce(json_agg(c.channel ORDER BY w.number), '[]')
            FROM json_array_elements(
                broadcast.client_channels(
                    channel_page.client_id,
                    'newest',
                    (SELECT coalesce(array_agg(w.open_id ORDER BY w.number), '{}') FROM wanted AS w),
                    (SELECT coalesce(array_agg(w.closed_id ORDER BY w.number), '{}') FROM wanted AS w)
                ) -> 'channels'
            ) AS c (channel)
            INNER JOIN wanted AS w
                ON c.channel ->> 'open_channel_id' = w.open_id AND c.channel ->> 'closed_channel_id' = w.closed_id
        ),
        'passed', f.passed,
        'matching', f.matching,
        'total', (SELECT count(*) FROM own AS o),
        'max_channels', (SELECT s.max_channels_per_client FROM broadcast.settings AS s),
        'states', (SELECT coalesce(json_object_agg(s.state, s.count ORDER BY s.state), '{}') FROM counts AS s),
        'before', (SELECT to_json(p.place) FROM page AS p WHERE f.passed > 0 ORDER BY p.number LIMIT 1),
        'after', (
            SELECT to_json(p.place) FROM page AS p
            WHERE f.passed + channel_page.page_size < f.matching
            ORDER BY p.number DESC
            LIMIT 1
        )
    )
    FROM first AS f;
$$;

COMMENT ON FUNCTION broadcast.channel_page(uuid, text, text, text, text [], text [], text, text, integer) IS
'A page of a client''s channels that fit a search and a state, in the order attention, title or next, after or before '
'a place, and how many are in each state, as JSON; with a pair''s ids that channel alone, and the counts.';
REVOKE ALL ON FUNCTION broadcast.channel_page(
    uuid, text, text, text, text [], text [], text, text, integer
) FROM public;
