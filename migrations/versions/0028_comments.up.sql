COMMENT ON COLUMN public.broadcast_bot_slot.is_only_row IS
'Always true: keeps the table at one row.';
COMMENT ON COLUMN public.broadcast_bot_slot.next_slot IS
'The earliest moment at which the next message may be sent.';

COMMENT ON COLUMN public.broadcast_deliveries.id IS
'Counts up: of two deliveries of a broadcast the larger is the later.';
COMMENT ON COLUMN public.broadcast_deliveries.broadcast_id IS
'Which broadcast; no foreign key, since what was sent stays known when the channel is gone.';
COMMENT ON COLUMN public.broadcast_deliveries.started_at IS
'When it was claimed for the first time.';
COMMENT ON COLUMN public.broadcast_deliveries.claimed_at IS
'When it was claimed the last time.';
COMMENT ON COLUMN public.broadcast_deliveries.lease_until IS
'At this moment a silent worker''s claim is given back; NULL while nobody works on it.';
COMMENT ON COLUMN public.broadcast_deliveries.finished_at IS
'When it ended; NULL while it may go on.';
COMMENT ON COLUMN public.broadcast_deliveries.outcome IS
'How it ended: sent, failed, unknown, superseded (by a manual trigger) or channel_gone.';
COMMENT ON CONSTRAINT broadcast_deliveries_check ON public.broadcast_deliveries IS
'What has ended has an outcome, and nothing else has.';
COMMENT ON CONSTRAINT broadcast_deliveries_check1 ON public.broadcast_deliveries IS
'Every claim has its lease.';
COMMENT ON INDEX public.broadcast_deliveries_broadcast_id_idx IS
'Finds a broadcast''s last delivery and its history.';

COMMENT ON COLUMN public.broadcast_delivery_parts.delivery_id IS
'The delivery that it is part of.';
COMMENT ON COLUMN public.broadcast_delivery_parts.part IS
'open or closed: which of the pair''s two channels.';
COMMENT ON COLUMN public.broadcast_delivery_parts.attempt IS
'Counts from 1 for each part of a delivery; a record names the attempt that it speaks of.';
COMMENT ON COLUMN public.broadcast_delivery_parts.send_at IS
'The moment that Telegram''s limits allowed for it.';
COMMENT ON COLUMN public.broadcast_delivery_parts.decided_at IS
'When its state became final; NULL while it is intended.';
COMMENT ON COLUMN public.broadcast_delivery_parts.message_id IS
'Telegram''s number of the message, by which it is deleted later; only of what was sent.';
COMMENT ON COLUMN public.broadcast_delivery_parts.deleted_at IS
'When the message was deleted, or found to be gone; NULL while it stands.';
COMMENT ON COLUMN public.broadcast_delivery_parts.error_code IS
'What went wrong, as a short name; of what failed or is unknown.';
COMMENT ON COLUMN public.broadcast_delivery_parts.error_message IS
'What went wrong, in words.';
COMMENT ON CONSTRAINT broadcast_delivery_parts_delivery_id_fkey ON public.broadcast_delivery_parts IS
'The parts go with their delivery.';
COMMENT ON CONSTRAINT broadcast_delivery_parts_check ON public.broadcast_delivery_parts IS
'What was sent has its message''s number, and nothing else has.';
COMMENT ON CONSTRAINT broadcast_delivery_parts_check1 ON public.broadcast_delivery_parts IS
'Whatever is not intended any more has its moment.';
COMMENT ON INDEX public.broadcast_delivery_parts_chat_id_idx IS
'Finds the last message to a chat, for Telegram''s limit of one a second.';

COMMENT ON COLUMN public.broadcast_integrity_check.is_only_row IS
'Always true: keeps the table at one row.';
COMMENT ON COLUMN public.broadcast_integrity_check.checked_at IS
'When the check was made.';
COMMENT ON COLUMN public.broadcast_integrity_check.channels IS
'How many channels there were.';
COMMENT ON COLUMN public.broadcast_integrity_check.broadcasts IS
'How many broadcast rows there were.';

COMMENT ON COLUMN public.broadcast_manager_operators.user_id IS
'The operator.';
COMMENT ON CONSTRAINT broadcast_manager_operators_user_id_fkey ON public.broadcast_manager_operators IS
'Who is deleted is no operator any more.';

COMMENT ON COLUMN public.broadcast_manager_quarantine.id IS
'Counts up, in the order in which rows came.';
COMMENT ON COLUMN public.broadcast_manager_quarantine.quarantined_at IS
'When the repair moved or changed the row.';
COMMENT ON COLUMN public.broadcast_manager_quarantine.broadcast_id IS
'The row''s id.';

COMMENT ON COLUMN public.broadcast_manager_settings.is_only_row IS
'Always true: keeps the table at one row.';
COMMENT ON CONSTRAINT broadcast_manager_settings_check ON public.broadcast_manager_settings IS
'The longest pause between attempts is no shorter than the first.';

COMMENT ON COLUMN public.broadcast_manager_undo.id IS
'Counts up; a downgrade takes the statements from the last to the first.';
COMMENT ON COLUMN public.broadcast_manager_undo.revision IS
'The revision whose downgrade runs the statement.';
COMMENT ON COLUMN public.broadcast_manager_undo.statement IS
'What changes it back.';

COMMENT ON COLUMN public.broadcast_watchers.client_id IS
'Whose dashboard is open.';
COMMENT ON COLUMN public.broadcast_watchers.watched_until IS
'Until then they are told; an open dashboard renews it.';
