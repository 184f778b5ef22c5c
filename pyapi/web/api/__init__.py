"""The HTTP API under /api: routers, the bodies they take and give, and what goes wrong as JSON."""
