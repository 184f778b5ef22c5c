"""Build the project and install it into an environment that holds what the wheel asks for, and nothing else."""

import os
import subprocess
import sys
import venv
from importlib.metadata import Distribution, distribution, distributions
from pathlib import Path

from packaging.requirements import Requirement

from tools.databases import ROOT


def build(target: str, folder: Path, source: Path = ROOT) -> Path:
    """Build a ``wheel`` or an ``sdist`` out of a source tree, into an empty folder, and tell where it is."""
    command: list[str | Path] = [sys.executable, "-m", "hatchling", "build", "--target", target, "--directory", folder]
    subprocess.run(command, cwd=source, check=True, capture_output=True)
    (built,) = folder.iterdir()
    return built


def install(wheel: Path, folder: Path, extra: str) -> Path:
    """Make an empty environment, install the wheel, and tell where the environment's programs are.

    The packages that the wheel requires with this extra are links to those of the running environment: what it forgot
    to require is not there.
    """
    venv.create(folder, symlinks=True)
    pip: list[str | Path] = [
        sys.executable,
        "-m",
        "pip",
        "--python",
        folder / "bin" / "python",
        "--disable-pip-version-check",
    ]
    options = ["--quiet", "--no-index", "--no-deps", "--no-compile"]
    subprocess.run([*pip, "install", *options, wheel], check=True, env=variables(folder))
    (site_packages,) = folder.glob("lib/python*/site-packages")
    (installed,) = distributions(path=[str(site_packages)])
    for package in _required(installed, extra):
        for top in {file.parts[0] for file in package.files or ()} - {"..", "__pycache__"}:
            link = site_packages / top
            if not link.exists():
                link.symlink_to(str(package.locate_file(top)))
    return folder / "bin"


def variables(home: Path) -> dict[str, str]:
    """The environment variables of somebody who has neither a checkout nor a database."""
    ours = {"PYTHONPATH", "VIRTUAL_ENV", "DATABASE_URL", "PGSERVER_POSTGRES_VERSION"}
    return {name: value for name, value in os.environ.items() if name not in ours} | {"HOME": str(home)}


def _required(project: Distribution, extra: str) -> list[Distribution]:
    """The packages that the project requires with an extra, and those that they require in turn."""
    found: dict[tuple[str, ...], Distribution] = {}
    waiting: list[tuple[Distribution, tuple[str, ...]]] = [(project, (extra,))]
    while waiting:
        package, extras = waiting.pop()
        for requirement in map(Requirement, package.requires or ()):
            applies = requirement.marker is None or any(
                requirement.marker.evaluate({"extra": extra}) for extra in extras or ("",)
            )
            key = (requirement.name, *sorted(requirement.extras))
            if applies and key not in found:
                # An extra of ours may hold another one.
                found[key] = project if requirement.name == project.name else distribution(requirement.name)
                waiting.append((found[key], tuple(requirement.extras)))
    return [package for package in found.values() if package is not project]
