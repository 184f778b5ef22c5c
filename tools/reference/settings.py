"""The page of the environment variables, from the settings' own fields."""

import inspect
import re
from typing import Any

from annotated_types import Ge, Gt, Le, Lt
from pydantic import AliasChoices
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings

from demo.serve import DEFAULT_PORT
from pyapi.metrics import MetricsSettings
from pyapi.settings import Settings
from pyapi.worker.settings import WorkerSettings
from tools.reference.markdown import code, head, table

KINDS: dict[str, type[BaseSettings]] = {
    "API and dashboard: `broadcast-manager api`": Settings,
    "Worker: `broadcast-manager worker`, `broadcast-manager send-due`": WorkerSettings,
    "Metrics, of API and worker": MetricsSettings,
}
# No fields of settings: logs, uvicorn and `make serve` read them.
OTHERS = {
    "LOG_LEVEL": ("info", "of every command: `debug` makes each HTTP request a line of its own"),
    "FORWARDED_ALLOW_IPS": (
        "127.0.0.1,::1",
        "of `broadcast-manager api`: addresses of the reverse proxies whose `X-Forwarded-For` and `X-Forwarded-Proto`"
        " are believed, separated by commas; `*` for whoever reaches the port",
    ),
    "PORT": (str(DEFAULT_PORT), "of `make serve`: the port on 127.0.0.1; 0 takes a free one"),
}
_BOUNDS = {Ge: ("at least", "ge"), Gt: ("more than", "gt"), Le: ("at most", "le"), Lt: ("less than", "lt")}


def page() -> str:
    """The page."""
    sections = [
        f"## {title}\n\n" + table(["variable", "default", "what it is"], _rows(kind)) for title, kind in KINDS.items()
    ]
    return "\n".join(
        [
            head(
                "Settings",
                "Environment variables of the processes. Limits and intervals are columns of"
                " [`broadcast.settings`](sql.md#settings) instead, where an UPDATE takes effect at once. `alembic`,"
                " `upgrade`, `downgrade`, `verify`, `doctor` and `backfill` read only `DATABASE_URL`. libpq's own"
                " variables, such as `PGPASSWORD`, complete a URL. [`.env.example`](../../.env.example) has the"
                " variables of `compose.yaml`.",
            ),
            *sections,
            "## Of others\n",
            table(
                ["variable", "default", "what it is"],
                [[code(name), code(default), said] for name, (default, said) in OTHERS.items()],
            ),
        ]
    )


def _rows(kind: type[BaseSettings]) -> list[list[str]]:
    said = _said_of_arguments(kind)
    return [
        [" or ".join(code(name) for name in _variables(name, field)), _default(field), _sentence(said[name], field)]
        for name, field in kind.model_fields.items()
    ]


def _variables(name: str, field: FieldInfo) -> list[str]:
    alias = field.validation_alias
    names = [str(choice) for choice in alias.choices] if isinstance(alias, AliasChoices) else [str(alias or name)]
    return [variable.upper() for variable in names]


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "needed"
    default: Any = field.get_default(call_default_factory=True)
    return "none" if default in (None, [], "") else code(str(default))


def _sentence(text: str, field: FieldInfo) -> str:
    bounds = [
        f"{word} {getattr(bound, attribute)}"
        for bound in field.metadata
        for kind, (word, attribute) in _BOUNDS.items()
        if isinstance(bound, kind)
    ]
    return text.rstrip(".") + (f" ({', '.join(bounds)})" if bounds else "")


def _said_of_arguments(kind: type[BaseSettings]) -> dict[str, str]:
    # The fields are described where a reader of the class looks for them: under Args.
    _, _, arguments = (inspect.getdoc(kind) or "").partition("Args:\n")
    found = re.findall(r"^    (\w+): (.*(?:\n {5,}.*)*)", arguments, re.MULTILINE)
    return {name: " ".join(text.split()) for name, text in found}
