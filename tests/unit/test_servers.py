"""Looking for a server leaves nothing behind."""

import gc
import sys
from pathlib import Path

import pytest

from tools import servers


@pytest.mark.filterwarnings("error")
def test_asking_for_a_docker_daemon_leaves_no_socket_open(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    left_open: list[object] = []
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/nobody.sock")
    monkeypatch.setattr(sys, "unraisablehook", lambda told: left_open.append(told.exc_value))
    with pytest.raises(servers.ServerMissing, match="no Docker daemon answers"):
        servers.pick("testcontainers")
    gc.collect()
    assert left_open == []
