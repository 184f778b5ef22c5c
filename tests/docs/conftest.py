"""The site, built once, and whether there is a browser to open it with."""

import subprocess
import sys
from pathlib import Path

import pytest

from tools.chromium import find_chromium
from tools.databases import ROOT

# tests/conftest.py tells of it.
collect_ignore = [] if find_chromium() else ["test_site_in_a_browser.py"]


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site's folder, built as `make docs` builds it; a warning is a failure."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    built = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    return folder
