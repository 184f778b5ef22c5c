CREATE UNLOGGED TABLE public.broadcast_watchers (
    client_id uuid PRIMARY KEY,
    watched_until timestamptz NOT NULL
);

COMMENT ON TABLE public.broadcast_watchers IS
'Whose dashboard is open somewhere, and until when: only they are told of changes.';
