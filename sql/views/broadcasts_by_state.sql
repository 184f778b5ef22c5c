CREATE OR REPLACE VIEW public.broadcasts_by_state WITH (security_barrier) AS
SELECT
    public.broadcast_state(b) AS state,
    count(*) AS count
FROM public.broadcast_manager AS b
GROUP BY 1;

COMMENT ON VIEW public.broadcasts_by_state IS
'How many broadcasts are in each state of broadcast_state().';
