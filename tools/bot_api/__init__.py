"""A Bot API server of the project's own: real HTTP, real refusals, faults to order, and a page to look at.

``python -m tools.bot_api --port 8081`` serves it until it is stopped. Nothing is kept.
"""
