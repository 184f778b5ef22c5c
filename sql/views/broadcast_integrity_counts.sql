CREATE OR REPLACE VIEW public.broadcast_integrity_counts WITH (security_barrier) AS
SELECT
    v.check_name,
    v.severity,
    count(*) AS count
FROM public.broadcast_integrity_violations AS v
GROUP BY v.check_name, v.severity;

COMMENT ON VIEW public.broadcast_integrity_counts IS
'How often each check of broadcast_integrity_violations finds something; no row for a check that finds nothing.';
