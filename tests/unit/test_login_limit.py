"""The count of tries to sign in, without a server."""

import asyncio
import gc
from typing import Any

import pytest
from pydantic import SecretStr

from pyapi.settings import Settings
from pyapi.web.login_limit import LoginLimit, LoginRateLimited


def settings(**limits: Any) -> Settings:
    """Settings that need no server."""
    return Settings(
        database_url="postgresql://nobody@127.0.0.1:1/nowhere", jwt_secret_key=SecretStr("x" * 32), **limits
    )


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("2001:db8::1", "2001:DB8:0:0:ffff::2", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("fe80::1%eth0", "fe80::2%eth0", True),
        # As a socket for both families shows IPv4.
        ("::ffff:192.0.2.1", "::ffff:192.0.2.2", False),
        ("192.0.2.1", "192.0.2.2", False),
        ("no address", "another", False),
        ("", "", True),
    ],
)
def test_what_counts_as_one_address(one: str, other: str, same: bool) -> None:
    async def guess_from_both() -> None:
        limit = LoginLimit(settings(login_limit_per_address="1 per hour"))
        await limit.count("one", one)
        await limit.count("other", other)

    if same:
        with pytest.raises(LoginRateLimited):
            asyncio.run(guess_from_both())
    else:
        asyncio.run(guess_from_both())


def test_the_count_is_swept_while_names_are_forgotten() -> None:
    complaints: list[object] = []

    async def people_sign_in() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
        limit = LoginLimit(settings())
        for number in range(50):
            await limit.count(f"name {number}", "192.0.2.1")
            await asyncio.to_thread(str)
            await limit.forget(f"name {number}")
        gc.collect()

    asyncio.run(people_sign_in())
    assert complaints == []
