"""The dashboards of ``make bench-load``, in a process of their own: open streams, and pages that load their list.

Reads port, cookie, tokens and whether to load lists as JSON from standard input; writes "client moment" for each event
and "ended moment" for each stream that ended.
"""

import asyncio
import json
import resource
import sys
import time
from typing import Any

# After which the page's script tries again where a stream was refused.
_RETRY_SECONDS = 5


async def _dashboard(client: str, request: bytes, reload: bytes | None, port: int) -> None:
    while True:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request)
        first = True
        while line := await reader.readline():
            if line.rstrip() != b"event: changed":
                continue
            _tell(f"{client} {time.monotonic()}")
            if reload is not None and not first:
                await _load_list(reload, port)
            first = False
        writer.close()
        _tell(f"ended {time.monotonic()}")
        await asyncio.sleep(_RETRY_SECONDS)


def _tell(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


async def _load_list(request: bytes, port: int) -> None:
    """What the page's script does when it is told."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    await reader.read()
    writer.close()


async def _open(told: dict[str, Any]) -> None:
    head = f"Host: 127.0.0.1\r\nCookie: {told['cookie']}="
    async with asyncio.TaskGroup() as open_ones:
        for client, token in told["tokens"].items():
            events = f"GET /events HTTP/1.1\r\nConnection: close\r\n{head}{token}\r\n\r\n"
            reload = f"GET /channels/list HTTP/1.1\r\nConnection: close\r\n{head}{token}\r\n\r\n"
            open_ones.create_task(
                _dashboard(client, events.encode(), reload.encode() if told["reload"] else None, told["port"])
            )


if __name__ == "__main__":
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    asyncio.run(_open(json.load(sys.stdin)))
