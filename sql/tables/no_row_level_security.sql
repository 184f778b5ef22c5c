-- An event trigger of others may have switched it on for our new tables, and nobody but their owner would see a row of
-- them any more. Who may read what is said by grants.
DO $$
DECLARE
    ours regclass;
BEGIN
    FOR ours IN
        SELECT c.oid FROM pg_class AS c
        WHERE c.relnamespace = 'broadcast'::regnamespace AND c.relkind = 'r' AND (c.relrowsecurity OR c.relforcerowsecurity)
    LOOP
        EXECUTE format('ALTER TABLE %s DISABLE ROW LEVEL SECURITY, NO FORCE ROW LEVEL SECURITY', ours);
    END LOOP;
END;
$$;
