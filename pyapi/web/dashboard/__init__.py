"""The pages that people use: server-rendered, live through server-sent events, usable without a script."""

from collections.abc import Iterable
from pathlib import Path

from fastapi import FastAPI
from fastapi.staticfiles import StaticFiles

from pyapi.web.dashboard import channels, docs, events, login, operators
from pyapi.web.dashboard.failures import Handler, install_pages_of_failure
from pyapi.web.middleware.security_headers import SecurityHeaders

_STATIC = Path(__file__).parent / "static"


def install_dashboard(app: FastAPI, failures: Iterable[type[Exception]], api_answer: Handler) -> None:
    """Add the dashboard to the application, which has ``state.pool``, ``state.changes`` and ``state.login_limit``.

    Args:
        app: without its own /docs, which is served from here.
        failures: the exceptions that api_answer answers under /api; elsewhere pages do.
        api_answer: the API's exception handler.
    """
    for router in (login.router, channels.router, events.router, operators.router, docs.router):
        app.include_router(router)
    app.mount("/static", StaticFiles(directory=_STATIC))
    app.mount("/docs/static", StaticFiles(directory=docs.SWAGGER_FILES))
    app.add_middleware(SecurityHeaders)
    install_pages_of_failure(app, failures, api_answer)
