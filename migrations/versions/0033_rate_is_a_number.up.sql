SELECT public.lock_without_queueing('ACCESS EXCLUSIVE', 'public.broadcast_manager_settings');

ALTER TABLE public.broadcast_manager_settings
ADD CONSTRAINT broadcast_manager_settings_messages_per_second_is_number CHECK (messages_per_second <> 'NaN') NOT VALID;

COMMENT ON CONSTRAINT broadcast_manager_settings_messages_per_second_is_number ON public.broadcast_manager_settings IS
'NaN is greater than zero, and no message could be sent.';
