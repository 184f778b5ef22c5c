"""What the deployment files say, read without Docker and without a running systemd."""

import re
from collections.abc import Mapping
from typing import Any

import typer
import yaml

from pyapi.cli import app
from tools.databases import ROOT

DOCKERFILE = (ROOT / "Dockerfile").read_text()
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
EXAMPLE = (ROOT / ".env.example").read_text()
UNITS = sorted((ROOT / "ops" / "systemd").iterdir())

# $NAME would do too, but is not used. ${NAME}, ${NAME:-default}, ${NAME:?why it is needed}
_VARIABLE = re.compile(r"\$\{(\w+)(?::([-?])([^}]*))?\}")


def variables(text: str) -> dict[str, str | None]:
    """The variables that a text of compose.yaml takes, each with its default; None where there is none."""
    return {name: word if mark == "-" else None for name, mark, word in _VARIABLE.findall(text)}


def filled_in(text: str, values: Mapping[str, str]) -> str:
    """A text of compose.yaml as Compose hands it to a container."""
    return _VARIABLE.sub(lambda found: values.get(found[1]) or (found[3] if found[2] == "-" else ""), text)


def unit_values(unit: str, key: str) -> list[str]:
    """The values of a key in a unit file's text, in order."""
    return re.findall(rf"^{key}=(.*)$", unit, re.MULTILINE)


def parse_command(arguments: list[str]) -> None:
    """Let the command line read its arguments, and do nothing.

    Raises:
        typer._click.exceptions.UsageError: broadcast-manager has no such command or option.
    """
    group = typer.main.get_group(app)
    with group.make_context("broadcast-manager", arguments, resilient_parsing=False) as context:
        _, command, rest = group.resolve_command(context, arguments)
        assert command is not None
        command.make_context(arguments[0], rest, parent=context)
