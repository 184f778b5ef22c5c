"""The application: API, dashboard and what both share (pool of connections, login limit)."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import psycopg
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Receive, Scope, Send

from pyapi.channels.accounts import AccountInactive, LoginFailed
from pyapi.errors import RuleError
from pyapi.pool import make_pool
from pyapi.settings import Settings
from pyapi.web.api import auth, broadcasts, channels, execute, health, mappings
from pyapi.web.dashboard import install_dashboard
from pyapi.web.dashboard.failures import page_of_failure
from pyapi.web.failures import answer_failure
from pyapi.web.listener import Changes
from pyapi.web.login_limit import LoginLimit, LoginRateLimited
from pyapi.web.middleware.body_limit import BodyLimitMiddleware
from pyapi.web.middleware.cors import Cors
from pyapi.web.middleware.head_limit import HeadLimit
from pyapi.web.middleware.request_log import RequestLog
from pyapi.web.middleware.security_headers import add_security_headers
from pyapi.web.middleware.stream_turns import StreamTurns
from pyapi.web.tokens import TokenInvalid
from pyapi.worker.settings import WorkerSettings

# What failure_of() knows how to tell.
_FAILURES: tuple[type[Exception], ...] = (
    RequestValidationError,
    HTTPException,
    RuleError,
    LoginFailed,
    LoginRateLimited,
    AccountInactive,
    TokenInvalid,
    psycopg.Error,
    UnicodeEncodeError,
    Exception,
)


async def _answer(request: Request, error: Exception) -> Response:
    answer = answer_failure if request.url.path.startswith("/api/") else page_of_failure
    response = await answer(request, error)
    # What nobody expected is answered outside of all middleware.
    add_security_headers(response.headers, request.url.path)
    return response


class _Application(FastAPI):
    def openapi(self) -> dict[str, Any]:
        """The document at /openapi.json, without FastAPI's 422: what does not validate is a 400 here."""
        document = super().openapi()
        for path in document["paths"].values():
            for operation in path.values():
                operation["responses"].pop("422", None)
        for schema in ("HTTPValidationError", "ValidationError"):
            document["components"]["schemas"].pop(schema, None)
        return document

    def build_middleware_stack(self) -> ASGIApp:
        """All middleware, and around it what concerns failures as well: limits, other origins, the log."""
        limited = HeadLimit(super().build_middleware_stack(), _answer)
        return StreamTurns(RequestLog(Cors(limited, self.state.settings.cors_origins)))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer; a call of the API is the same with a slash at its end."""
        if scope["type"] == "http" and scope["path"].startswith("/api/") and scope["path"] != "/api/":
            scope["path"] = scope["path"].removesuffix("/")
        await super().__call__(scope, receive, send)


def create_app(settings: Settings, delivery: WorkerSettings | None = None) -> FastAPI:
    """The application; it starts whether or not the database answers.

    Args:
        settings: also found in ``app.state.settings``, beside ``pool``, ``changes``, ``stopping`` and ``login_limit``.
        delivery: with what POST /api/broadcast/execute sends, a database role of its own among it; None: not at all.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with make_pool(
            settings.database_url, "api", max_size=settings.pool_max_size, timeout=settings.pool_timeout
        ) as pool:
            app.state.pool = pool
            app.state.changes = Changes(settings.database_url)
            async with app.state.changes.listening():
                yield

    app = _Application(
        title="broadcast-manager",
        summary="Channels and their broadcasts. No channel is without its broadcast.",
        lifespan=lifespan,
        redirect_slashes=False,
        # The dashboard brings a page of its own for them, without other hosts.
        docs_url=None,
        redoc_url=None,
    )
    app.state.settings = settings
    app.state.delivery = delivery
    app.state.stopping = asyncio.Event()
    app.state.login_limit = LoginLimit(settings)
    app.add_middleware(BodyLimitMiddleware)
    for router in (auth.router, channels.router, broadcasts.router, execute.router, mappings.router, health.router):
        for route in router.routes:
            if isinstance(route, APIRoute):
                # The documentation names a call by its docstring's first sentence, not by the function's name.
                route.summary = route.description.partition(".")[0]
        app.include_router(router, prefix="/api")
    install_dashboard(app)
    for failure in _FAILURES:
        app.add_exception_handler(failure, _answer)
    return app
