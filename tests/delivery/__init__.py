"""Delivery: the SQL functions by themselves, and workers against a Bot API server over real HTTP."""
