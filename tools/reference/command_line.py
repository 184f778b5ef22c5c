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
            *(_command(name, one) for name, one in group.commands.items() if isinstance(one, typer.core.TyperCommand)),
        ]
    )


def _command(name: str, command: typer.core.TyperCommand) -> str:
    context = typer.Context(command, info_name=f"{NAME} {name}")
    records = [record for one in command.get_params(context) if (record := one.get_help_record(context))]
    return "\n".join(
        [
            f"## {NAME} {name}\n",
            f"```console\n$ {' '.join([NAME, name, *command.collect_usage_pieces(context)])}\n```\n",
            f"{command.help or ''}\n",
            table(["option", "what it does"], [[code(option), text] for option, text in records]),
        ]
    )
