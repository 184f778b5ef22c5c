"""How often one may try to sign in: per name and per client address, before bcrypt is asked.

A window begins with the first try and ends after its time, or with the right password.
"""

import math
import time
from ipaddress import IPv6Address, IPv6Network, ip_address

import structlog
from limits import RateLimitItem, parse
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import FixedWindowRateLimiter
from structlog.contextvars import bind_contextvars

from pyapi.settings import Settings

log = structlog.get_logger()


class LoginRateLimited(Exception):
    """Too many attempts; ``retry_after_seconds`` tells when the next one counts."""

    def __init__(self, retry_after_seconds: int) -> None:
        super().__init__(f"too many attempts to sign in: try again in {retry_after_seconds} s")
        self.retry_after_seconds = retry_after_seconds


class LoginLimit:
    """Counts in this process's memory; the API and the dashboard of one process share one."""

    def __init__(self, settings: Settings) -> None:
        # A moving window's clear() collides with the storage's own sweep, which then ends with a KeyError.
        self._limiter = FixedWindowRateLimiter(MemoryStorage())
        self._per_username = parse(settings.login_limit_per_username)
        self._per_address = parse(settings.login_limit_per_address)

    async def count(self, username: str, address: str) -> None:
        """Count one attempt.

        Args:
            username: as typed.
            address: the client's, as the server sees it.

        Raises:
            LoginRateLimited: it is one too many, and is not to be looked at.
        """
        # What is logged of this request from now on tells from where somebody tried to sign in.
        bind_contextvars(address=address)
        await self._hit(self._per_address, "address", _counted_as(address))
        await self._hit(self._per_username, "username", username.casefold())

    async def forget(self, username: str) -> None:
        """Forget the attempts of a name, because its password was right."""
        await self._limiter.clear(self._per_username, "username", username.casefold())

    async def _hit(self, limit: RateLimitItem, kind: str, value: str) -> None:
        if not await self._limiter.hit(limit, kind, value):
            window = await self._limiter.get_window_stats(limit, kind, value)
            log.warning("login.failed", code="login_rate_limited", limit=f"per {kind}")
            raise LoginRateLimited(max(1, math.ceil(window.reset_time - time.time())))


def _counted_as(address: str) -> str:
    """Of IPv6 the /64, all of which one client has; anything else is itself."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    # A socket for both families shows an IPv4 client as one of ::/64.
    if isinstance(parsed, IPv6Address) and not parsed.ipv4_mapped:
        return str(IPv6Network((int(parsed), 64), strict=False))
    return address
