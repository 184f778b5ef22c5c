-- Everything that is ours lives here. PUBLIC has no USAGE, so nobody reaches a function or a table in it without a
-- grant on the schema, whatever default privileges say.
CREATE SCHEMA IF NOT EXISTS broadcast;

COMMENT ON SCHEMA broadcast IS
'broadcast-manager: every channel has exactly one broadcast row, and what works with it.';
REVOKE ALL ON SCHEMA broadcast FROM public;
