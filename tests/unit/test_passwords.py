"""Checking a password takes a while, and is meant to: the event loop goes on meanwhile."""

import asyncio
import threading

import bcrypt
import pytest

from pyapi.channels.passwords import password_matches


def test_bcrypt_does_not_run_on_the_event_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    threads: list[threading.Thread] = []
    checkpw = bcrypt.checkpw

    def noted(password: bytes, hashed: bytes) -> bool:
        threads.append(threading.current_thread())
        return checkpw(password, hashed)

    monkeypatch.setattr(bcrypt, "checkpw", noted)
    hashed = bcrypt.hashpw(b"right", bcrypt.gensalt(4)).decode()

    async def ask() -> list[bool]:
        return [await password_matches("right", hashed), await password_matches("wrong", hashed)]

    assert asyncio.run(ask()) == [True, False]
    assert threading.current_thread() not in threads
    assert len(threads) == 2
