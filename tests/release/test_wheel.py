"""The wheel is enough: upgrade, checks and demo run where no checkout is."""

import json
import subprocess
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest

from demo.clients import CLIENTS
from pyapi.checks.drift import find_drift
from tests.migrations import builds
from tests.release import install
from tools import databases


class Release(NamedTuple):
    """The wheel, and the folder of the programs where it is installed."""

    wheel: Path
    programs: Path


@pytest.fixture(scope="module")
def release() -> Iterator[Release]:
    # Not in pytest's folder, which is closed to the user that an embedded server runs as.
    with tempfile.TemporaryDirectory(prefix="broadcast-manager-wheel-") as folder:
        wheel = install.build("wheel", Path(folder, "dist"))
        yield Release(wheel, install.install(wheel, Path(folder, "installed"), "all"))


@pytest.fixture(scope="module")
def command_line(release: Release, tmp_path_factory: pytest.TempPathFactory) -> Release:
    """The wheel where only the extra ``cli`` is installed."""
    return Release(release.wheel, install.install(release.wheel, tmp_path_factory.mktemp("cli") / "installed", "cli"))


def run(release: Release, program: str, *arguments: str, url: str | None = None) -> subprocess.CompletedProcess[str]:
    home = release.programs.parent
    return subprocess.run(
        [release.programs / program, *arguments],
        cwd=home,
        env=install.variables(home) | ({"DATABASE_URL": url} if url else {}),
        capture_output=True,
        encoding="utf-8",
        check=False,
    )


def files_below(root: Path, *folders: str) -> set[str]:
    """The files in folders, or in the root itself, by their paths from the root."""
    return {
        str(file.relative_to(root))
        for folder in folders or ("",)
        for file in (root / folder).rglob("*")
        if file.is_file() and "__pycache__" not in file.parts
    }


def test_checkout_can_not_be_seen_from_the_wheel(release: Release) -> None:
    found = run(release, "python", "-c", "import pyapi; print(pyapi.__file__)")
    assert Path(found.stdout).is_relative_to(release.programs.parent)
    for name in ("demo", "migrations", "tests"):
        assert run(release, "python", "-c", f"import {name}").returncode != 0, name


def test_operator_upgrades_and_checks_with_the_extra_cli_alone(command_line: Release, old_database: str) -> None:
    builds.fill_old_database(old_database)
    assert run(command_line, "python", "-c", "import fastapi").returncode != 0

    upgraded = run(command_line, "broadcast-manager", "upgrade", url=old_database)

    assert (upgraded.returncode, upgraded.stdout) == (0, ""), upgraded.stderr
    for revision in builds.REVISIONS:
        assert f"-> {revision}, " in upgraded.stderr
    batches = [line for line in map(json.loads, upgraded.stderr.splitlines()) if line["event"] == "backfill.batch"]
    assert batches[-1]["created"] == batches[-1]["found"] > 0
    assert find_drift(builds.fingerprint(old_database)) == []
    for command in ("verify", "doctor"):
        done = run(command_line, "broadcast-manager", command, url=old_database)
        assert done.returncode == 0, done.stdout + done.stderr


def test_script_of_the_wheel_is_the_one_of_the_checkout(release: Release) -> None:
    written = run(release, "broadcast-manager", "upgrade", "--sql")
    assert (written.returncode, written.stderr) == (0, "")
    assert written.stdout == builds.alembic("upgrade", "head", "--sql", url=None).stdout


def test_demo_tells_its_story_from_the_wheel(release: Release) -> None:
    told = run(release, "python", "-m", "pyapi.demo")
    assert (told.returncode, told.stderr) == (0, ""), told.stdout
    assert "📢 0 violations: 43 channels, 43 broadcast rows" in told.stdout


def test_wheel_carries_the_package_and_nothing_else(release: Release) -> None:
    with zipfile.ZipFile(release.wheel) as archive:
        names = archive.namelist()
    assert {name.split("/")[0].rpartition(".")[2] for name in names} == {"pyapi", "dist-info"}
    assert len(names) == len(set(names))
    carried = {name.removeprefix("pyapi/") for name in names if name.startswith("pyapi/")}
    beside = files_below(databases.ROOT, "demo", "migrations", "sql")
    beside |= {f"examples/clients/{file}" for file in CLIENTS.values()}
    assert carried == files_below(databases.ROOT / "pyapi") | beside


def test_api_of_the_wheel_serves_pages_and_calls(release: Release, database: str) -> None:
    with subprocess.Popen(
        [release.programs / "broadcast-manager", "api", "--port", "0"],
        cwd=release.programs.parent,
        env=install.variables(release.programs.parent) | {"DATABASE_URL": database, "JWT_SECRET_KEY": "x" * 32},
        stderr=subprocess.PIPE,
        encoding="utf-8",
    ) as api:
        try:
            assert api.stderr is not None
            port = next(line["port"] for line in map(json.loads, api.stderr) if line["event"] == "api.listening")
            for path in ("/login", "/static/dashboard.css", "/docs", "/openapi.json", "/api/health"):
                assert httpx.get(f"http://127.0.0.1:{port}{path}", timeout=30).status_code == 200, path
        finally:
            api.terminate()
            api.communicate()


def test_source_archive_makes_the_same_wheel_to_the_byte(release: Release, tmp_path: Path) -> None:
    archive = install.build("sdist", tmp_path / "sdist")
    with tarfile.open(archive) as opened:
        opened.extractall(tmp_path, filter="data")
    (source,) = tmp_path.glob("broadcast_manager-*")
    again = install.build("wheel", tmp_path / "wheel", source)
    assert again.read_bytes() == release.wheel.read_bytes()
