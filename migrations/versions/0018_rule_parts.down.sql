DROP VIEW public.broadcast_rule_parts;
