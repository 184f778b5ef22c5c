"""Answers of Telegram's, made up and growing: each is read as one of a few results, and within 50 ms."""

import random
import time
from collections.abc import Callable, Iterator
from typing import Any

from structlog.testing import capture_logs

from pyapi.worker.telegram_answer import MOST_BYTES, read_answer
from pyapi.worker.telegram_errors import Refusal
from tests.fuzz.requests import MOST_SECONDS

_REPETITIONS = 5
_ROUNDS = 2000
_METHODS = ("sendMessage", "deleteMessage", "getMe")
_STATUSES = (200, 201, 302, 400, 403, 429, 500, 502)


def _filled(part: str, before: str = "", after: str = "") -> Callable[[int], bytes]:
    return lambda size: (before + part * ((size - len(before) - len(after)) // len(part)) + after).encode()


GROWING: dict[str, Callable[[int], bytes]] = {
    "arrays": _filled("["),
    "objects": _filled('{"a":'),
    "deep in an answer": _filled("[", '{"ok":true,"result":{"message_id":1,"text":'),
    "numbers": _filled("1,", "[", "1]"),
    "floats": _filled("1e9,", "[", "1]"),
    "digits": _filled("9", '{"ok":true,"result":{"message_id":', "}}"),
    "digits of a wait": _filled("9", '{"ok":false,"error_code":429,"parameters":{"retry_after":', "}}"),
    "digits of a float": _filled("9", '{"ok":false,"error_code":429,"parameters":{"retry_after":1.', "}}"),
    "empty arrays": _filled("[],", "[", "1]"),
    "empty objects": _filled("{},", "[", "1]"),
    "keys": _filled('"a":1,', '{"ok":true,', '"b":2}'),
    "texts": _filled('"",', "[", "1]"),
    "description": _filled("x", '{"ok":false,"error_code":400,"description":"', '"}'),
    "description, escaped": _filled("\\ud800", '{"ok":false,"error_code":400,"description":"', '"}'),
    "blanks": _filled(" "),
    "NUL": _filled("\0"),
    "not UTF-8": lambda size: b"\xff" * size,
    "UTF-16": lambda size: ("[" + "1," * (size // 4 - 2) + "1]").encode("utf-16-le"),
    "UTF-32": lambda size: ("[" + "1," * (size // 8 - 2) + "1]").encode("utf-32"),
}
_ATOMS = (
    *("null", "true", "false", "0", "1", "-1", "NaN", "Infinity", "-Infinity", "1e30", "1e999", "0.1", "1000000000000"),
    *("9223372036854775807", "9223372036854775808", '""', '"\\u0000"', '"\\ud800"', '"chat not found"'),
    *("[]", "{}", "[1]", '{"message_id":1}'),
)


def made_up(rng: random.Random) -> bytes:
    """An answer that is nearly one of Telegram's."""
    fields = {
        name: rng.choice(_ATOMS)
        for name in ("ok", "error_code", "result", "description", "parameters")
        if rng.random() < 0.8
    }
    if rng.random() < 0.7:
        fields["ok"] = rng.choice(("true", "false"))
    for name in ("message_id", "username"):
        if rng.random() < 0.4:
            fields["result"] = f'{{"{name}":{rng.choice(_ATOMS)}}}'
    for name in ("retry_after", "migrate_to_chat_id"):
        if rng.random() < 0.4:
            fields["parameters"] = f'{{"{name}":{rng.choice(_ATOMS)}}}'
    fields["error_code"] = rng.choice((fields.get("error_code", "400"), *map(str, _STATUSES)))
    return ("{" + ",".join(f'"{name}":{value}' for name, value in fields.items()) + "}").encode()


class Answers:
    """Reads answers, and finds those that are not understood or take too long."""

    def run(self, seed: int) -> Iterator[str]:
        """What is wrong, as a sentence each."""
        rng = random.Random(seed)
        with capture_logs():
            for _ in range(_ROUNDS):
                body = made_up(rng)
                yield from self._judge(rng.choice(_METHODS), rng.choice(_STATUSES), body)
            for name, make in GROWING.items():
                body = make(MOST_BYTES)
                assert len(body) <= MOST_BYTES
                for status in (200, 400, 429):
                    yield from self._judge("sendMessage", status, body)
                seconds = min(self._seconds(body) for _ in range(_REPETITIONS))
                if seconds > MOST_SECONDS:
                    yield f"answer {name}: {1000 * seconds:.0f} ms for {len(body)} octets"

    def _judge(self, method: str, status: int, body: bytes) -> Iterator[str]:
        try:
            result: Any = read_answer(method, status, body)
        except Exception as error:
            yield f"answer to {method}, {status}, {body[:200]!r}: {error!r}"
            return
        if isinstance(result, Refusal):
            fits = (result.retry_after is None or 0 < result.retry_after <= 3600) and len(
                result.description or ""
            ) <= 200
        elif method == "sendMessage":
            fits = type(result) is int and 0 < result < 2**63
        else:
            fits = result is True or isinstance(result, str)
        if not fits:
            yield f"answer to {method}, {status}, {body[:200]!r} is read as {result!r}"

    def _seconds(self, body: bytes) -> float:
        began = time.perf_counter()
        read_answer("sendMessage", 400, body)
        return time.perf_counter() - began
