"""The fake over HTTP: the Bot API's methods, and routes by which tests order faults and look.

POST /faults with the fields of Fault, DELETE /faults forgets those not used up, POST /release lets held requests go on,
GET /messages and GET /requests tell what is there and what was seen, POST /messages puts an earlier message there,
GET / is for people.
"""

import asyncio
import html
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, Response
from starlette.routing import Route
from uvicorn.protocols.http.h11_impl import H11Protocol

from pyapi.web.server import listen
from tools.bot_api.chats import ANSWERS, FAULTS, Chats, Fault, Message, Refused

BOT_USERNAME = "PayGatePrime_bot"
TOKEN = "4200:test-token_of-nobody"  # noqa: S105
_HERE = Path(__file__).parent
_POLICY = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self';"
    " base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}

_transports: dict[Any, asyncio.Transport] = {}


class _Protocol(H11Protocol):
    """Remembers each connection by its address, so that one can be cut."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # uvicorn does the same
        super().connection_made(transport)
        self.peer = transport.get_extra_info("peername")
        _transports[self.peer] = transport

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        _transports.pop(self.peer, None)


def create_app() -> Starlette:
    """The application; its state is in ``app.state.chats``."""
    app = Starlette(
        routes=[
            Route("/bot{token}/{method}", _call, methods=["GET", "POST"]),
            Route("/", _page),
            Route("/chats", _fragment),
            Route("/page.css", _file),
            Route("/page.js", _file),
            Route("/messages", _messages),
            Route("/messages", _add_message, methods=["POST"]),
            Route("/requests", _requests),
            Route("/faults", _order, methods=["POST"]),
            Route("/faults", _forget, methods=["DELETE"]),
            Route("/release", _release, methods=["POST"]),
        ]
    )
    app.state.chats = Chats()
    app.state.released = asyncio.Event()
    return app


def server(app: Starlette) -> uvicorn.Server:
    """A uvicorn server of it; ``run(sockets=[…])``."""
    config = uvicorn.Config(app, http=_Protocol, log_config=None, timeout_graceful_shutdown=1, lifespan="off")
    return uvicorn.Server(config)


@contextmanager
def running(port: int = 0) -> Iterator[str]:
    """Serve it in a thread of this process; gives its address."""
    serving = server(create_app())
    with listen("127.0.0.1", port) as listener:
        thread = threading.Thread(target=serving.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            serving.should_exit = True
            thread.join()


async def _call(request: Request) -> Response:
    chats: Chats = request.app.state.chats
    method = request.path_params["method"]
    parameters = await _parameters(request)
    chat_id = str(parameters["chat_id"]) if "chat_id" in parameters else None
    seen: dict[str, Any] = {"method": method, "chat_id": chat_id, "at": time.time(), "answer": None}
    chats.requests.append(seen)
    try:
        fault = chats.fault_for(method, chat_id)
        kind = fault.fault if fault else None
        if fault and kind in ANSWERS:
            status, description = ANSWERS[fault.fault]
            seconds = fault.retry_after if kind == "rate_limited" else None
            raise Refused(status, description.format(retry_after=fault.retry_after), seconds)
        if fault and kind == "not_telegram":
            seen["answer"] = fault.status
            return HTMLResponse(f"<html><h1>{fault.status} {HTTPStatus(fault.status).phrase}</h1></html>", fault.status)
        if fault and kind == "raw":
            seen["answer"] = fault.status
            return Response(fault.body.encode("latin-1"), fault.status, fault.headers, "application/json")
        if kind == "hold_before":
            await request.app.state.released.wait()
        if kind == "cut_before":
            return await _cut(request, seen)
        if fault and kind == "slow":
            await asyncio.sleep(fault.seconds)
        result = _result(chats, request.path_params["token"], method, parameters)
        if kind == "hold_after":
            await request.app.state.released.wait()
        if kind == "cut_after":
            return await _cut(request, seen)
    except Refused as refused:
        seen["answer"] = refused.status
        answer: dict[str, Any] = {
            "ok": False,
            "error_code": refused.status,
            "description": refused.description,
        }
        if refused.retry_after is not None:
            answer["parameters"] = {"retry_after": refused.retry_after}
        return JSONResponse(answer, refused.status)
    seen["answer"] = 200
    return JSONResponse({"ok": True, "result": result})


def _result(chats: Chats, token: str, method: str, parameters: dict[str, Any]) -> Any:
    if token != TOKEN:
        raise Refused(401, "Unauthorized")
    match method:
        case "getMe":
            number = int(TOKEN.partition(":")[0])
            return {"id": number, "is_bot": True, "first_name": "PayGatePrime", "username": BOT_USERNAME}
        case "sendMessage":
            message = chats.send(parameters, int(time.time()))
            chat = {"id": int(message.chat_id), "type": "channel", "title": message.chat_id}
            return {"message_id": message.message_id, "date": message.date, "chat": chat, "text": message.text}
        case "deleteMessage":
            chats.delete(parameters)
            return True
    raise Refused(404, "Not Found: method not found")


async def _parameters(request: Request) -> dict[str, Any]:
    body = await request.body()
    if request.headers.get("content-type", "").startswith("application/json"):
        found: dict[str, Any] = json.loads(body)
        return found
    return {**request.query_params, **dict(parse_qsl(body.decode(), keep_blank_values=True))}


async def _cut(request: Request, seen: dict[str, Any]) -> Response:
    seen["answer"] = "cut"
    assert request.client is not None
    _transports[tuple(request.client)].abort()
    while not await request.is_disconnected():
        await asyncio.sleep(0)
    return Response()


async def _order(request: Request) -> Response:
    if not request.headers.get("content-type", "").startswith("application/json"):
        return JSONResponse({"error": "JSON, please"}, 415)
    fault = Fault(**await request.json())
    if fault.fault not in FAULTS:
        return JSONResponse({"error": f"one of {', '.join(FAULTS)}"}, 400)
    request.app.state.chats.faults.append(fault)
    return JSONResponse({"ordered": True})


async def _forget(request: Request) -> Response:
    request.app.state.chats.faults.clear()
    return JSONResponse({"forgotten": True})


async def _release(request: Request) -> Response:
    request.app.state.released.set()
    request.app.state.released = asyncio.Event()
    return JSONResponse({"released": True})


async def _messages(request: Request) -> Response:
    chats: Chats = request.app.state.chats
    return JSONResponse([message.as_json() for messages in chats.messages.values() for message in messages])


async def _add_message(request: Request) -> Response:
    where = await request.json()
    request.app.state.chats.add_earlier(where["chat_id"], where["message_id"])
    return JSONResponse({"added": True})


async def _requests(request: Request) -> Response:
    return JSONResponse(request.app.state.chats.requests)


async def _file(request: Request) -> Response:
    return FileResponse(_HERE / request.url.path.lstrip("/"), headers=_POLICY)


async def _page(request: Request) -> Response:
    del request
    return FileResponse(_HERE / "page.html", headers=_POLICY)


async def _fragment(request: Request) -> Response:
    chats: Chats = request.app.state.chats
    parts = [_chat(chat_id, messages) for chat_id, messages in chats.messages.items()]
    orders = "".join(
        f"<li>{html.escape(f.fault)}, {f.count} times {html.escape(f.method or 'any method')},"
        f" {html.escape(f.chat_id or 'any chat')}</li>"
        for f in chats.faults
    )
    if orders:
        parts.append(f'<section class="orders"><h2>Ordered faults</h2><ul>{orders}</ul></section>')
    return HTMLResponse("".join(parts) or '<p class="empty">No message was sent yet.</p>', headers=_POLICY)


def _chat(chat_id: str, messages: list[Message]) -> str:
    standing = [message for message in messages if not message.deleted]
    deleted = len(messages) - len(standing)
    note = f'<p class="note">{deleted} deleted</p>' if deleted else ""
    bubbles = "".join(_bubble(message) for message in standing)
    return f'<section class="chat"><h2>{html.escape(chat_id)}</h2>{note}{bubbles}</section>'


def _bubble(message: Message) -> str:
    rows = "".join(
        '<div class="row">' + "".join(_button(button) for button in row) + "</div>" for row in message.buttons
    )
    clock = time.strftime("%H:%M:%S", time.localtime(message.date))
    return (
        f'<article class="message"><div class="bubble"><div class="text">{message.safe_html}</div>'
        f'<span class="time">{clock}</span></div>{rows}</article>'
    )


def _button(button: dict[str, str]) -> str:
    goes = button.get("url") or f"callback: {button.get('callback_data', '')}"
    return f'<span class="button" title="{html.escape(goes)}">{html.escape(button["text"])}</span>'
