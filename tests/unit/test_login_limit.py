"""The count of tries to sign in, without a server."""

import asyncio
import gc

from pydantic import SecretStr

from pyapi.login_limit import LoginLimit
from pyapi.settings import Settings


def test_the_count_is_swept_while_names_are_forgotten() -> None:
    settings = Settings(database_url="postgresql://nobody@127.0.0.1:1/nowhere", jwt_secret_key=SecretStr("x" * 32))
    complaints: list[object] = []

    async def people_sign_in() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
        limit = LoginLimit(settings)
        for number in range(50):
            await limit.count(f"name {number}", "192.0.2.1")
            await asyncio.to_thread(str)
            await limit.forget(f"name {number}")
        gc.collect()

    asyncio.run(people_sign_in())
    assert complaints == []
