ALTER FUNCTION public.own_channel(uuid, text, text) SECURITY DEFINER;
ALTER FUNCTION public.own_broadcast(uuid, uuid) SECURITY DEFINER;

CREATE OR REPLACE FUNCTION public.client_channels(client_id uuid)
RETURNS TABLE (
    open_channel_id text,
    open_channel_title text,
    open_channel_description text,
    closed_channel_id text,
    closed_channel_title text,
    closed_channel_description text,
    closed_channel_donation_message text,
    tier_count integer,
    sub_1_price numeric,
    sub_1_time smallint,
    sub_2_price numeric,
    sub_2_time smallint,
    sub_3_price numeric,
    sub_3_time smallint,
    client_wallet_address text,
    client_payout_currency text,
    client_payout_network text,
    payout_strategy text,
    payout_threshold_usd numeric,
    payout_threshold_updated_at timestamptz,
    created_by text,
    updated_at timestamptz,
    notification_status boolean,
    notification_id bigint,
    broadcast_id uuid,
    state text,
    retry_after_seconds integer,
    is_active boolean,
    next_send_time timestamptz,
    last_sent_time timestamptz,
    total_broadcasts integer,
    successful_broadcasts integer,
    failed_broadcasts integer,
    consecutive_failures integer,
    last_error_message text,
    last_error_time timestamptz,
    last_manual_trigger_time timestamptz
)
LANGUAGE sql
STABLE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT
        c.open_channel_id,
        c.open_channel_title,
        c.open_channel_description,
        c.closed_channel_id,
        c.closed_channel_title,
        c.closed_channel_description,
        c.closed_channel_donation_message,
        num_nonnulls(c.sub_1_price, c.sub_2_price, c.sub_3_price),
        c.sub_1_price,
        c.sub_1_time,
        c.sub_2_price,
        c.sub_2_time,
        c.sub_3_price,
        c.sub_3_time,
        c.client_wallet_address,
        c.client_payout_currency::text,
        c.client_payout_network::text,
        c.payout_strategy,
        c.payout_threshold_usd,
        c.payout_threshold_updated_at,
        c.created_by,
        c.updated_at,
        c.notification_status,
        c.notification_id,
        b.id,
        CASE WHEN b.id IS NOT NULL THEN public.broadcast_state(b) END,
        CASE WHEN b.id IS NOT NULL THEN coalesce(public.retry_after_seconds(b), 0) END,
        b.is_active,
        CASE WHEN isfinite(b.next_send_time) THEN b.next_send_time END,
        b.last_sent_time,
        b.total_broadcasts,
        b.successful_broadcasts,
        b.failed_broadcasts,
        b.consecutive_failures,
        b.last_error_message,
        b.last_error_time,
        b.last_manual_trigger_time
    FROM public.main_clients_database AS c
    LEFT JOIN public.broadcast_manager AS b
        ON c.open_channel_id = b.open_channel_id AND c.closed_channel_id = b.closed_channel_id
    WHERE c.client_id = client_channels.client_id
    ORDER BY c.open_channel_title, c.open_channel_id, c.closed_channel_id;
$$;

COMMENT ON FUNCTION public.client_channels(uuid) IS
'A client''s channels by title, each with its broadcast; NULL there where the row is missing.';
REVOKE ALL ON FUNCTION public.client_channels(uuid) FROM public;

CREATE OR REPLACE FUNCTION public.client_broadcast(broadcast_id uuid, client_id uuid)
RETURNS TABLE (
    open_channel_id text,
    closed_channel_id text,
    broadcast_status text,
    state text,
    retry_after_seconds integer,
    is_active boolean,
    next_send_time timestamptz,
    last_sent_time timestamptz,
    last_manual_trigger_time timestamptz,
    manual_trigger_count integer,
    total_broadcasts integer,
    successful_broadcasts integer,
    failed_broadcasts integer,
    consecutive_failures integer,
    last_error_message text,
    last_error_time timestamptz
)
LANGUAGE sql
STABLE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT
        b.open_channel_id,
        b.closed_channel_id,
        b.broadcast_status,
        public.broadcast_state(b),
        coalesce(public.retry_after_seconds(b), 0),
        b.is_active,
        CASE WHEN isfinite(b.next_send_time) THEN b.next_send_time END,
        b.last_sent_time,
        b.last_manual_trigger_time,
        coalesce(b.manual_trigger_count, 0),
        coalesce(b.total_broadcasts, 0),
        coalesce(b.successful_broadcasts, 0),
        coalesce(b.failed_broadcasts, 0),
        coalesce(b.consecutive_failures, 0),
        b.last_error_message,
        b.last_error_time
    -- The outer join has own_broadcast() asked in any case.
    FROM public.own_broadcast(client_broadcast.broadcast_id, client_broadcast.client_id) AS own (id)
    LEFT JOIN public.broadcast_manager AS b ON own.id = b.id;
$$;

COMMENT ON FUNCTION public.client_broadcast(uuid, uuid) IS
'How a client''s own broadcast stands; refused for any other.';
REVOKE ALL ON FUNCTION public.client_broadcast(uuid, uuid) FROM public;

CREATE OR REPLACE FUNCTION public.user_of_id(user_id uuid)
RETURNS TABLE (
    username text,
    email text,
    email_verified boolean,
    is_active boolean,
    created_at timestamptz,
    last_login timestamptz,
    is_operator boolean
)
LANGUAGE sql
STABLE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT
        u.username,
        u.email,
        coalesce(u.email_verified, FALSE),
        coalesce(u.is_active, FALSE),
        u.created_at,
        u.last_login,
        EXISTS (SELECT FROM public.broadcast_manager_operators AS o WHERE o.user_id = u.user_id)
    FROM public.registered_users AS u
    WHERE u.user_id = user_of_id.user_id;
$$;

COMMENT ON FUNCTION public.user_of_id(uuid) IS
'The user of an id, switched off or not, and whether an operator; no row where there is none.';
REVOKE ALL ON FUNCTION public.user_of_id(uuid) FROM public;

CREATE OR REPLACE FUNCTION public.password_hash_of(username text)
RETURNS TABLE (user_id uuid, password_hash text)
LANGUAGE sql
STABLE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT
        u.user_id,
        u.password_hash
    FROM public.registered_users AS u
    WHERE u.username = password_hash_of.username;
$$;

COMMENT ON FUNCTION public.password_hash_of(text) IS
'Whom a name signs in as, and the bcrypt hash that the password must match; no row where there is none.';
REVOKE ALL ON FUNCTION public.password_hash_of(text) FROM public;

CREATE OR REPLACE VIEW public.broadcast_queue WITH (security_barrier) AS
SELECT
    count(*) AS due,
    min(b.next_send_time) FILTER (WHERE isfinite(b.next_send_time)) AS oldest_due
FROM public.broadcast_manager AS b
-- As text: otherwise a restore spells it in another way.
WHERE b.is_active AND b.broadcast_status::text IN ('pending', 'completed', 'failed') AND b.next_send_time <= now();

COMMENT ON VIEW public.broadcast_queue IS
'How many broadcasts are due now, and since when the oldest is.';

CREATE OR REPLACE FUNCTION public.broadcasts_by_state()
RETURNS TABLE (state text, count bigint)
LANGUAGE sql
STABLE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT
        public.broadcast_state(b),
        count(*)
    FROM public.broadcast_manager AS b
    GROUP BY 1;
$$;

COMMENT ON FUNCTION public.broadcasts_by_state() IS
'How many broadcasts are in each state of broadcast_state().';
REVOKE ALL ON FUNCTION public.broadcasts_by_state() FROM public;

CREATE OR REPLACE VIEW public.broadcast_integrity_counts WITH (security_barrier) AS
SELECT
    v.check_name,
    v.severity,
    count(*) AS count
FROM public.broadcast_integrity_violations AS v
GROUP BY v.check_name, v.severity;

COMMENT ON VIEW public.broadcast_integrity_counts IS
'How often each check of broadcast_integrity_violations finds something; no row for a check that finds nothing.';

CREATE OR REPLACE FUNCTION public.check_operator(operator_id uuid)
RETURNS void
LANGUAGE plpgsql
STABLE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM public.broadcast_manager_operators AS o WHERE o.user_id = operator_id) THEN
        RAISE EXCEPTION 'user % is no operator', operator_id
        USING ERRCODE = 'BM015', HINT = 'Operators are the users named in broadcast_manager_operators.';
    END IF;
END;
$$;

COMMENT ON FUNCTION public.check_operator(uuid) IS
'Refuses whoever is not named in broadcast_manager_operators.';
REVOKE ALL ON FUNCTION public.check_operator(uuid) FROM public;

CREATE OR REPLACE FUNCTION public.recent_failures(operator_id uuid, max_count integer)
RETURNS TABLE (
    broadcast_id uuid,
    username text,
    open_channel_id text,
    open_channel_title text,
    consecutive_failures integer,
    last_error_message text,
    last_error_time timestamptz
)
LANGUAGE plpgsql
STABLE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM public.check_operator(operator_id);
    RETURN QUERY
    SELECT
        b.id,
        u.username::text,
        b.open_channel_id::text,
        c.open_channel_title::text,
        coalesce(b.consecutive_failures, 0),
        b.last_error_message::text,
        b.last_error_time
    FROM public.broadcast_manager AS b
    LEFT JOIN public.main_clients_database AS c
        ON b.open_channel_id = c.open_channel_id AND b.closed_channel_id = c.closed_channel_id
    LEFT JOIN public.registered_users AS u ON b.client_id = u.user_id
    WHERE b.broadcast_status = 'failed' OR b.consecutive_failures > 0
    ORDER BY b.last_error_time DESC NULLS LAST, b.id
    LIMIT max_count;
END;
$$;

COMMENT ON FUNCTION public.recent_failures(uuid, integer) IS
'The broadcasts whose last send failed, the latest first, for an operator.';
REVOKE ALL ON FUNCTION public.recent_failures(uuid, integer) FROM public;

CREATE OR REPLACE FUNCTION public.first_integrity_violations(operator_id uuid, max_count integer)
RETURNS SETOF public.broadcast_integrity_violations
LANGUAGE plpgsql
STABLE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM public.check_operator(operator_id);
    RETURN QUERY
    SELECT v.*
    FROM public.broadcast_integrity_violations AS v
    ORDER BY v.severity, v.check_name, v.client_id, v.open_channel_id, v.closed_channel_id, v.broadcast_id
    LIMIT max_count;
END;
$$;

COMMENT ON FUNCTION public.first_integrity_violations(uuid, integer) IS
'What breaks the rule now, worst first, for an operator.';
REVOKE ALL ON FUNCTION public.first_integrity_violations(uuid, integer) FROM public;

REVOKE SELECT ON TABLE
public.main_clients_database,
public.broadcast_manager,
public.broadcast_manager_quarantine,
public.broken_broadcasts
FROM broadcast_manager_reader;

REVOKE SELECT ON TABLE
public.main_clients_database,
public.broadcast_manager,
public.broadcast_manager_quarantine,
public.broadcast_manager_operators,
public.broadcast_deliveries,
public.broadcast_delivery_parts,
public.broken_broadcasts,
public.broadcast_integrity_violations
FROM broadcast_manager_api;

REVOKE SELECT (user_id, username, email, password_hash, is_active, email_verified, created_at, last_login)
ON TABLE public.registered_users FROM broadcast_manager_api;

REVOKE EXECUTE ON FUNCTION
public.own_broadcast(uuid, uuid),
public.broadcast_state(public.broadcast_manager),
public.retry_after_seconds(public.broadcast_manager)
FROM broadcast_manager_api;

GRANT SELECT ON TABLE
public.broadcast_queue,
public.broadcast_integrity_counts
TO broadcast_manager_api;

GRANT EXECUTE ON FUNCTION
public.password_hash_of(text),
public.user_of_id(uuid),
public.client_channels(uuid),
public.client_broadcast(uuid, uuid),
public.broadcasts_by_state(),
public.recent_failures(uuid, integer),
public.first_integrity_violations(uuid, integer)
TO broadcast_manager_api;

-- Roles belong to the whole cluster: another database's upgrade may have made this one, a moment ago even.
DO $$
BEGIN
    IF to_regrole('broadcast_manager_channel_writer') IS NULL THEN
        CREATE ROLE broadcast_manager_channel_writer NOLOGIN;
        COMMENT ON ROLE broadcast_manager_channel_writer IS
        'What a client needs that writes channels: everything on them, nothing on their broadcasts, which the rule makes.';
    END IF;
EXCEPTION
    WHEN duplicate_object OR unique_violation THEN NULL;
END;
$$;

GRANT SELECT, INSERT, UPDATE, DELETE ON TABLE public.main_clients_database TO broadcast_manager_channel_writer;

-- Old copies have no serial id.
DO $$
DECLARE
    serial regclass;
BEGIN
    FOR serial IN
        SELECT d.objid
        FROM pg_catalog.pg_depend AS d
        INNER JOIN pg_catalog.pg_class AS s ON d.objid = s.oid AND s.relkind = 'S'
        WHERE d.classid = 'pg_catalog.pg_class'::regclass
            AND d.refclassid = 'pg_catalog.pg_class'::regclass
            AND d.refobjid = 'public.main_clients_database'::regclass
    LOOP
        EXECUTE format('GRANT USAGE ON SEQUENCE %s TO broadcast_manager_channel_writer', serial);
    END LOOP;
END;
$$;
