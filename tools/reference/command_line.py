"""The page of the command line, from the commands themselves."""

import typer.core
import typer.main

from pyapi.cli import app
from tools.reference.markdown import code, head, table

NAME = "broadcast-manager"


def page() -> str:
    """The page."""
    group = typer.main.get_command(app)
    assert isinstance(group, typer.core.TyperGroup)
    return "\n".join(
        [
            head("Command line", group.help or ""),
            _options(group, NAME),
            *(_command(name, one) for name, one in group.commands.items() if isinstance(one, typer.core.TyperCommand)),
        ]
    )


def _command(name: str, command: typer.core.TyperCommand) -> str:
    return "\n".join(
        [
            f"## {NAME} {name}\n",
            f"```console\n$ {' '.join([NAME, name, *command.collect_usage_pieces(typer.Context(command))])}\n```\n",
            f"{command.help or ''}\n",
            _options(command, f"{NAME} {name}"),
        ]
    )


def _options(command: typer.core.TyperCommand | typer.core.TyperGroup, name: str) -> str:
    context = typer.Context(command, info_name=name)
    records = [record for one in command.get_params(context) if (record := one.get_help_record(context))]
    return table(["option", "what it does"], [[code(option), text] for option, text in records])
