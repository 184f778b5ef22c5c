-- What somebody has filled in stays.
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM public.broadcast_manager_operators) THEN
        PERFORM public.lock_without_queueing('ACCESS EXCLUSIVE', 'public.registered_users');
        DROP TABLE public.broadcast_manager_operators;
    END IF;
    IF EXISTS (
        SELECT FROM public.broadcast_manager_settings AS s
        WHERE (
            s.max_channels_per_client, s.send_interval, s.manual_trigger_interval,
            s.retry_pause, s.max_retry_pause, s.max_consecutive_failures
        ) = (10, interval '24 hours', interval '5 minutes', interval '5 minutes', interval '6 hours', 5)
    ) THEN
        DROP TABLE public.broadcast_manager_settings;
    END IF;
END;
$$;
