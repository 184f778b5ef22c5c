"""The programs that the files in ops/ are for."""

import shutil
from collections.abc import Callable

import pytest

from tests.api.conftest import api_role as api_role
from tests.delivery.conftest import worker_role as worker_role
from tools.chromium import must_be_there

PACKAGES = {
    "nginx": "nginx-light",
    "promtool": "prometheus",
    "prometheus": "prometheus",
    "prometheus-sql-exporter": "prometheus-sql-exporter",
}


@pytest.fixture(scope="session")
def program() -> Callable[[str], str]:
    """Path of an installed program; where it is missing the test is left out, and fails in CI."""

    def find(name: str) -> str:
        found = shutil.which(name)
        if found is None:
            sentence = f"there is no {name}; Debian: apt-get install {PACKAGES[name]}"
            if must_be_there():
                pytest.fail(f"CI is set, and {sentence}")
            pytest.skip(sentence)
        return found

    return find
