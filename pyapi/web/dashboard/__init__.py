"""The pages that people use: server-rendered, live through server-sent events, usable without a script."""

from pathlib import Path

from fastapi import FastAPI
from fastapi.staticfiles import StaticFiles

from pyapi.web.dashboard import broadcast, channels, docs, events, login, operators
from pyapi.web.dashboard.failures import HANDLERS
from pyapi.web.middleware.security_headers import SecurityHeaders

_STATIC = Path(__file__).parent / "static"


def install_dashboard(app: FastAPI) -> None:
    """Add the dashboard to the application, which has ``state.pool``, ``state.changes`` and ``state.login_limit``.

    Args:
        app: without its own /docs, which is served from here.
    """
    for router in (login.router, channels.router, broadcast.router, events.router, operators.router, docs.router):
        app.include_router(router)
    app.mount("/static", StaticFiles(directory=_STATIC))
    app.mount("/docs/static", StaticFiles(directory=docs.SWAGGER_FILES))
    app.add_middleware(SecurityHeaders)
    for error, handler in HANDLERS.items():
        app.add_exception_handler(error, handler)
