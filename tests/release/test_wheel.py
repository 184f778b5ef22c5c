"""The wheel is enough: upgrade, checks and demo run where no checkout is."""

import subprocess
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from pyapi.drift import find_drift
from tests import databases
from tests.migrations import builds
from tests.release import install


class Release(NamedTuple):
    """The wheel, and the folder of the programs where it is installed."""

    wheel: Path
    programs: Path


@pytest.fixture(scope="module")
def release() -> Iterator[Release]:
    # Not in pytest's folder, which is closed to the user that an embedded server runs as.
    with tempfile.TemporaryDirectory(prefix="broadcast-manager-wheel-") as folder:
        wheel = install.build("wheel", Path(folder, "dist"))
        yield Release(wheel, install.install(wheel, Path(folder, "installed")))


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


def test_checkout_can_not_be_seen_from_the_wheel(release: Release) -> None:
    found = run(release, "python", "-c", "import pyapi; print(pyapi.__file__)")
    assert Path(found.stdout).is_relative_to(release.programs.parent)
    for name in ("demo", "migrations", "tests"):
        assert run(release, "python", "-c", f"import {name}").returncode != 0, name


def test_operator_upgrades_and_checks_with_the_wheel(release: Release, old_database: str) -> None:
    builds.fill_old_database(old_database)

    upgraded = run(release, "broadcast-manager", "upgrade", url=old_database)

    assert (upgraded.returncode, upgraded.stdout) == (0, ""), upgraded.stderr
    for revision in builds.REVISIONS:
        assert f"-> {revision}, " in upgraded.stderr
    assert find_drift(builds.fingerprint(old_database)) == []
    for command in ("verify", "doctor"):
        done = run(release, "broadcast-manager", command, url=old_database)
        assert done.returncode == 0, done.stdout + done.stderr


def test_script_of_the_wheel_is_the_one_of_the_checkout(release: Release) -> None:
    written = run(release, "broadcast-manager", "upgrade", "--sql")
    assert (written.returncode, written.stderr) == (0, "")
    assert written.stdout == builds.alembic("upgrade", "head", "--sql", url=None).stdout


def test_demo_tells_its_story_from_the_wheel(release: Release) -> None:
    told = run(release, "python", "-m", "pyapi.demo")
    assert (told.returncode, told.stderr) == (0, ""), told.stdout
    assert "📢 0 violations: 45 channels, 45 broadcast rows" in told.stdout


def test_wheel_carries_the_package_and_nothing_else(release: Release) -> None:
    with zipfile.ZipFile(release.wheel) as archive:
        names = archive.namelist()
    assert {name.split("/")[0].rpartition(".")[2] for name in names} == {"pyapi", "dist-info"}
    assert len(names) == len(set(names))
    for folder in ("demo", "migrations", "sql"):
        carried = {name.removeprefix("pyapi/") for name in names if name.startswith(f"pyapi/{folder}/")}
        here = {
            str(file.relative_to(databases.ROOT))
            for file in (databases.ROOT / folder).rglob("*")
            if file.is_file() and "__pycache__" not in file.parts
        }
        assert carried == here


def test_source_archive_makes_the_same_wheel_to_the_byte(release: Release, tmp_path: Path) -> None:
    archive = install.build("sdist", tmp_path / "sdist")
    with tarfile.open(archive) as opened:
        opened.extractall(tmp_path, filter="data")
    (source,) = tmp_path.glob("broadcast_manager-*")
    again = install.build("wheel", tmp_path / "wheel", source)
    assert again.read_bytes() == release.wheel.read_bytes()
