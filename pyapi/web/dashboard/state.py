"""What the pages need of the application: its connections, its settings, its login limit, its listener."""

from fastapi import Request

from pyapi.pool import Pool
from pyapi.settings import Settings
from pyapi.web.listener import Changes
from pyapi.web.login_limit import LoginLimit


def pool_of(request: Request) -> Pool:
    """The application's connections, in autocommit."""
    pool: Pool = request.app.state.pool
    return pool


def changes_of(request: Request) -> Changes:
    """Where the application hears of changes."""
    changes: Changes = request.app.state.changes
    return changes


def login_limit_of(request: Request) -> LoginLimit:
    """What counts attempts to sign in, by the API and by the dashboard together."""
    limit: LoginLimit = request.app.state.login_limit
    return limit


def secret_of(request: Request) -> str:
    """The key that signs the tokens."""
    settings: Settings = request.app.state.settings
    return settings.jwt_secret_key.get_secret_value()
