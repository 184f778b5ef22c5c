"""Each extra holds what its modules import: read from the source and from pyproject.toml, without a network."""

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tools.databases import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
EXTRAS: dict[str, list[str]] = PROJECT["project"]["optional-dependencies"]
OURS = {"pyapi", "demo", "migrations", "tools", "tests"}
DISTRIBUTIONS = packages_distributions()

# What starts by itself with this extra alone: files and folders.
STARTS = {
    "": ["pyapi/__init__.py"],
    "cli": ["pyapi/cli.py", "pyapi/upgrade", "pyapi/checks", "migrations"],
    "worker": ["pyapi/worker"],
    "web": ["pyapi/web", "pyapi/channels"],
    "embedded": ["demo/embedded.py", "demo/__main__.py"],
    "all": ["pyapi", "demo", "migrations"],
}


def held_by(extra: str) -> set[str]:
    """The distributions that are required with an extra, those of all among them."""
    requirements = [*map(Requirement, PROJECT["project"]["dependencies"] + EXTRAS.get(extra, []))]
    names = {canonicalize_name(one.name) for one in requirements} - {"broadcast-manager"}
    return names.union(
        *(held_by(inner) for one in requirements if one.name == "broadcast-manager" for inner in one.extras)
    )


def statements(node: ast.AST, whole: bool) -> Iterator[ast.stmt]:
    """The statements of a module that run as it is imported; the whole of them where functions count, too."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.dump(child.test):
            continue
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef) and not whole:
            continue
        if isinstance(child, ast.Import | ast.ImportFrom):
            yield child
        yield from statements(child, whole)


def imported(file: Path, whole: bool) -> Iterator[str]:
    """The dotted names that a module imports."""
    for statement in statements(ast.parse(file.read_text(encoding="utf-8")), whole):
        if isinstance(statement, ast.Import):
            yield from (alias.name for alias in statement.names)
        elif isinstance(statement, ast.ImportFrom):
            package = file.relative_to(ROOT).parts[: -statement.level] if statement.level else ()
            yield from (".".join([*package, *filter(None, [statement.module]), one.name]) for one in statement.names)


def file_of(name: str) -> Path | None:
    """The file of a module of ours, or of the module that a name lies in."""
    place = ROOT.joinpath(*name.split("."))
    for candidate in (place.with_suffix(".py"), place / "__init__.py", place.parent.with_suffix(".py")):
        if candidate.is_file():
            return candidate
    return place.parent / "__init__.py" if (place.parent / "__init__.py").is_file() else None


def imports_of(extra: str) -> dict[str, str]:
    """What an extra's modules import, and those that they import in turn: the package, and a file that does."""
    own = {
        file
        for start in STARTS[extra]
        for file in ([ROOT / start] if start.endswith(".py") else (ROOT / start).rglob("*.py"))
    }
    found: dict[str, str] = {}
    waiting, seen = set(own), set[Path]()
    while waiting:
        file = waiting.pop()
        seen.add(file)
        # The command line imports what only some commands need inside of these.
        whole = file in own and (extra == "all" or file.name != "cli.py")
        for name in imported(file, whole):
            top = name.partition(".")[0]
            if top in OURS:
                waiting |= {one for one in [file_of(name)] if one} - seen
            elif top not in sys.stdlib_module_names:
                found[top] = str(file.relative_to(ROOT))
    return found


@pytest.mark.parametrize("extra", STARTS, ids=lambda extra: extra or "none")
def test_extra_holds_what_its_modules_import(extra: str) -> None:
    held = held_by(extra)
    missing = {
        package: file
        for package, file in imports_of(extra).items()
        if not held & {canonicalize_name(name) for name in DISTRIBUTIONS.get(package, [package])}
    }
    assert missing == {}


def test_core_is_the_driver_alone() -> None:
    assert held_by("") == {"psycopg"}
    assert set(imports_of("")) == {"psycopg"}


def test_every_extra_is_looked_at() -> None:
    assert set(STARTS) == {"", *EXTRAS}


def test_locks_hold_every_extra_at_one_version_with_hashes() -> None:
    product, everything = (pinned(name) for name in ("requirements.lock", "requirements-dev.lock"))
    assert held_by("all") <= {name for name, _ in product}
    assert {canonicalize_name(Requirement(one).name) for one in PROJECT["dependency-groups"]["dev"]} <= {
        name for name, _ in everything
    }
    assert product <= everything


def pinned(lock: str) -> set[tuple[str, str]]:
    """The packages of a lock with their versions, of which each has a hash."""
    entries = re.findall(r"^([\w.-]+)(?:\[.*?\])?==(\S+).*?\\\n +--hash=", (ROOT / lock).read_text(), re.MULTILINE)
    assert len(entries) == (ROOT / lock).read_text().count("==") - (ROOT / lock).read_text().count(" == ")
    return {(canonicalize_name(name), version) for name, version in entries}
