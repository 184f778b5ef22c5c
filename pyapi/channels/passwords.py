"""Checks passwords against the bcrypt hashes that registered_users holds."""

import asyncio

import bcrypt

# Of a password that nobody has, with the cost that the live hashes have.
_NOBODY = b"$2b$12$slV7.R8tcXqn.zfkdCgqduNAw2CfjWA9sFx.vHtavhCm2aE5WuXTa"


async def password_matches(password: str, password_hash: str | None) -> bool:
    """Whether the password is the one of the hash; takes as long for a user that is unknown.

    It runs in a thread, since bcrypt is meant to be slow.

    Args:
        password: as typed; what bcrypt can't take (above 72 bytes, NUL) matches nothing.
        password_hash: a bcrypt hash of prefix $2a$, $2b$ or $2y$, or None for a user that is unknown.
    """
    return await asyncio.to_thread(_matches, password, password_hash)


def _matches(password: str, password_hash: str | None) -> bool:
    try:
        matches = bcrypt.checkpw(password.encode(), _NOBODY if password_hash is None else password_hash.encode())
    except ValueError:
        # Neither such a password nor such a hash is anyone's.
        return False
    return matches and password_hash is not None
