-- Runs before each revision on the way up: the rule's functions belong to who makes them, and clients need them for ever.
DO $$
DECLARE
    others constant text := (
        SELECT string_agg(
            format(
                '%1$s belongs to %2$I, you are %3$I: the rule''s functions must belong to the tables'' owner. Connect as %2$I, '
                'or add options=-c%%20role%%3D%2$s to the URL, or ALTER TABLE %1$s OWNER TO %3$I.',
                c.oid::regclass, pg_get_userbyid(c.relowner), current_user
            ), E'\n' ORDER BY c.relname
        )
        FROM pg_class AS c
        WHERE c.relowner <> quote_ident(current_user)::regrole AND c.oid IN (
            to_regclass('public.registered_users'), to_regclass('public.main_clients_database'),
            to_regclass('public.broadcast_manager')
        )
    );
BEGIN
    IF others IS NOT NULL THEN
        RAISE EXCEPTION 'the rule cannot be installed by this role; nothing was changed'
        USING ERRCODE = 'BM004',
            DETAIL = others,
            HINT = 'Then run alembic upgrade head again.';
    END IF;
END;
$$;
