"""Finds the project's SQL and migrations: beside the package in a checkout, inside it when installed."""

from pathlib import Path

_PACKAGE = Path(__file__).parent


def project_file(path: str) -> Path:
    """The file or folder under ``sql/``, ``migrations/`` or ``examples/``.

    Args:
        path: relative to the project's top, such as ``sql/checks/verify_broadcast_integrity.sql``.
    """
    installed = _PACKAGE / path
    return installed if installed.exists() else _PACKAGE.parent / path
