"""The image: which Python, which user, which command, and what the builder gets to see."""

import json
import re
import tomllib
from pathlib import PurePath

from packaging.specifiers import SpecifierSet

from tests.deployment.files import DOCKERFILE, SERVICES, parse_command, variables
from tools.databases import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
_FINAL = DOCKERFILE.rpartition("\nFROM ")[2]


def test_python_is_one_that_the_project_runs_on() -> None:
    [image] = re.findall(r"^ARG PYTHON_IMAGE=(\S+)$", DOCKERFILE, re.MULTILINE)
    assert re.sub(r"^python:(.*)-slim$", r"\1", image) in SpecifierSet(PROJECT["project"]["requires-python"])
    assert variables(SERVICES["api"]["build"]["args"]["PYTHON_IMAGE"]) == {"PYTHON_IMAGE": image}


def test_user_is_not_root() -> None:
    users = re.findall(r"^USER (\S+)$", _FINAL, re.MULTILINE)
    assert [re.fullmatch(r"[1-9]\d*:[1-9]\d*", user) is not None for user in users] == [True]


def test_final_image_installs_nothing() -> None:
    assert not re.search(r"^(RUN|ADD)\b", _FINAL, re.MULTILINE)
    assert re.findall(r"^COPY (.*)$", _FINAL, re.MULTILINE) == [
        "--from=build /opt/broadcast-manager /opt/broadcast-manager"
    ]


def test_default_command_exists() -> None:
    [entrypoint] = re.findall(r"^ENTRYPOINT (.*)$", _FINAL, re.MULTILINE)
    [command] = re.findall(r"^CMD (.*)$", _FINAL, re.MULTILINE)
    assert json.loads(entrypoint) == list(PROJECT["project"]["scripts"])
    parse_command(json.loads(command))


def test_health_check_is_python_that_asks_for_the_health() -> None:
    [check] = re.findall(r"^HEALTHCHECK .*\n +CMD (.*)$", _FINAL, re.MULTILINE)
    python, option, code = json.loads(check)
    assert (python, option) == ("python", "-c")
    compile(code, "HEALTHCHECK", "exec")
    assert "/api/health" in code


def test_builder_sees_what_the_wheel_is_made_of_and_no_secret() -> None:
    project, wheel = PROJECT["project"], PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]
    needed = {
        "pyproject.toml",
        "requirements.lock",
        "requirements-dev.lock",
        project["readme"],
        *project["license-files"],
    }
    needed |= {*wheel["packages"], *wheel.get("force-include", {})}
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    assert lines[1] == "*"
    seen = {line.removeprefix("!") for line in lines if line.startswith("!")}
    assert [path for path in needed if not seen & {path, *map(str, PurePath(path).parents)}] == []
    assert not any(line.startswith("!.") for line in lines)


def test_lock_brings_the_pip_that_installs() -> None:
    # As the Dockerfile cuts it out of the lock.
    assert "sed -n '/^pip==/,/# via/p' requirements-dev.lock" in DOCKERFILE
    lock = (ROOT / "requirements-dev.lock").read_text()
    [entry] = re.findall(r"^pip==.*?# via", lock, re.MULTILINE | re.DOTALL)
    assert re.fullmatch(r"pip==\S+ \\\n( +--hash=sha256:\w+( \\)?\n)+ +# via", entry)
