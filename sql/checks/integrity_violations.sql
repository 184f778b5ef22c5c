-- Reads a function: a view over the tables would stop their owner from changing a column's type.
CREATE OR REPLACE VIEW broadcast.integrity_violations AS
SELECT
    v.check_name,
    v.severity,
    v.client_id,
    v.open_channel_id,
    v.closed_channel_id,
    v.broadcast_id,
    v.detail,
    v.remedy
FROM broadcast.find_integrity_violations() AS v;

COMMENT ON VIEW broadcast.integrity_violations IS
'Everything that breaks the rule, with its remedy; empty when each channel has exactly one broadcast row.';
