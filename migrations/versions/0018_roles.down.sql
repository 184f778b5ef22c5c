-- The roles stay: other databases of the cluster may use them, and those who are members of them.
DO $$
DECLARE
    role_name name;
    serial regclass;
BEGIN
    FOR role_name IN
        SELECT r.rolname FROM pg_catalog.pg_roles AS r
        WHERE r.rolname IN ('broadcast_reader', 'broadcast_api', 'broadcast_channel_writer', 'broadcast_worker')
    LOOP
        EXECUTE format('REVOKE ALL ON ALL TABLES IN SCHEMA broadcast FROM %I', role_name);
        EXECUTE format('REVOKE ALL ON ALL ROUTINES IN SCHEMA broadcast FROM %I', role_name);
        EXECUTE format('REVOKE ALL ON SCHEMA broadcast FROM %I', role_name);
        EXECUTE format('REVOKE ALL ON public.main_clients_database FROM %I', role_name);
        FOR serial IN
            SELECT d.objid
            FROM pg_catalog.pg_depend AS d
            INNER JOIN pg_catalog.pg_class AS s ON d.objid = s.oid AND s.relkind = 'S'
            WHERE d.classid = 'pg_catalog.pg_class'::regclass
                AND d.refclassid = 'pg_catalog.pg_class'::regclass
                AND d.refobjid = 'public.main_clients_database'::regclass
        LOOP
            EXECUTE format('REVOKE ALL ON SEQUENCE %s FROM %I', serial, role_name);
        END LOOP;
    END LOOP;
END;
$$;
