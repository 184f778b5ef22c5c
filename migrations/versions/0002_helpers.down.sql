DROP FUNCTION public.lock_without_queueing(text, regclass []);
DROP TABLE public.broadcast_manager_undo;

-- A filled quarantine stays: it holds rows that are nowhere else.
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM public.broadcast_manager_quarantine) THEN
        DROP TABLE public.broadcast_manager_quarantine;
    END IF;
END;
$$;
