DROP FUNCTION public.delete_channel(uuid, text, text);
DROP FUNCTION public.update_channel(uuid, text, text, jsonb);
DROP FUNCTION public.register_channel(uuid, text, jsonb);
DROP FUNCTION public.own_channel(uuid, text, text);
DROP FUNCTION public.checked_channel(public.main_clients_database, jsonb);
