REVOKE SELECT ON TABLE
public.broadcast_deliveries,
public.broadcast_delivery_parts
FROM broadcast_manager_api;

REVOKE SELECT ON TABLE
public.broadcast_manager_settings,
public.broadcast_deliveries,
public.broadcast_delivery_parts,
public.broadcast_rule_parts
FROM broadcast_manager_worker;

REVOKE EXECUTE ON FUNCTION
public.claim_due_broadcasts(text, integer),
public.messages_to_delete(bigint),
public.record_message_deleted(text, bigint),
public.intend_part(bigint, text, text),
public.record_part(bigint, text, integer, text, bigint, text, text, interval),
public.finish_broadcast(bigint, text),
public.release_expired_claims(),
public.forget_old_deliveries()
FROM broadcast_manager_worker;

-- The role stays: other databases of the cluster may use it, and those who are members of it.
