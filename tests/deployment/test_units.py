"""The systemd units."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from pyapi.web.server import _GRACE_SECONDS
from pyapi.worker.loop import _GRACE
from tests.deployment.files import UNITS, parse_command, unit_values
from tools.databases import ROOT

SERVICES = [path for path in UNITS if path.suffix == ".service"]
ANALYZE = shutil.which("systemd-analyze")


def test_missing_systemd_is_told_where_ci_is_set() -> None:
    assert ANALYZE or not os.environ.get("CI"), "CI is set, and there is no systemd-analyze: apt-get install systemd"


@pytest.mark.skipif(ANALYZE is None, reason="no systemd-analyze; on Debian: apt-get install systemd")
def test_systemd_takes_the_units(tmp_path: Path) -> None:
    # A command that is there, since systemd looks for it; the templates under the name of an instance.
    for path in UNITS:
        text = path.read_text().replace("/opt/broadcast-manager/bin/broadcast-manager", "/bin/true")
        (tmp_path / path.name.replace("@.", "@1.")).write_text(text)
    done = subprocess.run(
        [str(ANALYZE), "verify", "--man=no", *sorted(map(str, tmp_path.iterdir()))],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


@pytest.mark.parametrize("unit", SERVICES, ids=lambda path: path.name)
def test_command_exists(unit: Path) -> None:
    commands = unit_values(unit.read_text(), "ExecStart")
    assert commands
    for command in commands:
        program, *arguments = command.split()
        assert program == "/opt/broadcast-manager/bin/broadcast-manager"
        parse_command(arguments)


def test_nobody_is_killed_while_it_stops() -> None:
    stops = {path.name: unit_values(path.read_text(), "TimeoutStopSec") for path in SERVICES}
    for unit, needs in ("broadcast-manager-api.service", _GRACE_SECONDS), ("broadcast-manager-worker@.service", _GRACE):
        [stop] = stops[unit]
        assert int(stop) > needs + 2


@pytest.mark.parametrize("unit", SERVICES, ids=lambda path: path.name)
def test_service_has_no_privileges_and_its_secrets_in_a_file_of_its_own(unit: Path) -> None:
    text = unit.read_text()
    assert unit_values(text, "DynamicUser") == ["yes"]
    assert unit_values(text, "CapabilityBoundingSet") == [""]
    name = unit.name.split("-")[-1].split(".")[0].rstrip("@")
    # The first has the secrets, and must be there.
    assert unit_values(text, "EnvironmentFile")[0] == f"/etc/broadcast-manager/{name}.env"
    assert not unit_values(text, "Environment")


def test_each_worker_may_have_settings_of_its_own() -> None:
    # Two that are given one METRICS_PORT would end each other's start for ever.
    unit = (ROOT / "ops" / "systemd" / "broadcast-manager-worker@.service").read_text()
    assert unit_values(unit, "EnvironmentFile")[1:] == ["-/etc/broadcast-manager/worker-%i.env"]
    assert "| `/etc/broadcast-manager/worker-1.env`, `worker-2.env` |" in (ROOT / "docs" / "deployment.md").read_text()
