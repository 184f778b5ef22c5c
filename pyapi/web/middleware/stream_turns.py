"""Has event streams open a few at a time, so that thousands that come at once keep no other request waiting."""

import asyncio

from starlette.types import ASGIApp, Message, Receive, Scope, Send

_AT_ONCE = 4


class StreamTurns:
    """Passes requests for the event stream on in turn, until each is answered; all others at once."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self._turns = asyncio.Semaphore(_AT_ONCE)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Wait for a turn where the request is for the stream; its answer's beginning ends the turn."""
        if scope["type"] != "http" or scope["path"] != "/events":
            await self.app(scope, receive, send)
            return
        await self._turns.acquire()
        is_mine = True

        def end_turn() -> None:
            nonlocal is_mine
            if is_mine:
                is_mine = False
                self._turns.release()

        async def send_first(message: Message) -> None:
            end_turn()
            await send(message)

        try:
            await self.app(scope, receive, send_first)
        finally:
            end_turn()
