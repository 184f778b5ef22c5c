"""Runs `make serve` in a process of its own, for tests and pictures."""

import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tools.databases import ROOT


@contextmanager
def serving(folder: Path, **environment: str) -> Iterator[tuple[str, list[str]]]:
    """Run it until it says that Ctrl-C stops it; gives its address and what it said, and stops it in the end."""
    said: list[str] = []
    keep = {name: value for name, value in os.environ.items() if name not in {"DATABASE_URL", "JWT_SECRET_KEY"}}
    with (
        tempfile.TemporaryFile("w+") as errors,
        subprocess.Popen(
            [sys.executable, "-m", "demo.serve", str(folder)],
            cwd=ROOT,
            env={**keep, "PORT": "0", **environment},
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            # Ctrl-C reaches everything that was started in a terminal, the embedded server too.
            start_new_session=True,
        ) as process,
    ):
        assert process.stdout is not None
        try:
            for line in process.stdout:
                said.append(line)
                if line.startswith("Ctrl-C"):
                    break
            address = re.search(r"Dashboard: +(\S+)/", "".join(said))
            assert address, said
            yield address[1], said
        finally:
            os.killpg(process.pid, signal.SIGINT)
            said.extend(process.stdout)
            code = process.wait()
            errors.seek(0)
            told = errors.read()
            assert (code, "Traceback" in told) == (0, False), (said, told)
    assert said[-1] == "Stopped.\n"
