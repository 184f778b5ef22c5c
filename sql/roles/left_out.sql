-- A role is a convenience: without it, the owner grants by hand what the role would have.
DO $$
DECLARE
    left_out text;
BEGIN
    SELECT string_agg(w.role_name, ', ' ORDER BY w.role_name) INTO left_out
    FROM (
        VALUES ('broadcast_reader'), ('broadcast_api'), ('broadcast_channel_writer'), ('broadcast_worker')
    ) AS w (role_name)
    WHERE to_regrole(w.role_name) IS NULL;
    IF left_out IS NOT NULL THEN
        RAISE NOTICE 'left out, because % may not create roles: %; the rule works without them, and '
            'broadcast-manager roles --sql prints the statements for whoever may', current_user, left_out;
    END IF;
END;
$$;
