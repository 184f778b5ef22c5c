"""Kills PostgreSQL with SIGKILL while clients write, again and again, and looks for what was acknowledged.

`python -m tests.trust.crashes` kills it 50 times and prints the counts. The server is one of its own, with fsync on. A
killed process loses nothing that it had given to the operating system: this tries recovery and the rule, not the disk.
"""

import argparse
import os
import random
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from pyapi.checks.drift import find_drift, read_fingerprint
from pyapi.checks.violations import find_violations
from tests.live import interruptions
from tests.live.interruptions import OwnServer
from tests.trust.writers import UnderWay, Writer, new_writers, wait_for_transactions, writing
from tools import databases, servers


@dataclass
class Counts:
    """What a run saw, all crashes together."""

    crashes: int = 0
    processes: int = 0
    transactions: int = 0
    channels: int = 0
    under_way: UnderWay = field(default_factory=UnderWay)

    def __str__(self) -> str:
        return (
            f"{self.crashes} crashes, {self.processes} processes killed; {self.transactions} transactions with"
            f" {self.channels} channels acknowledged, 0 missing, 0 violations; {self.under_way}"
        )


def crash_often(server: OwnServer, times: int, seed: int, counts: Counts) -> None:
    """Crash a server so often while clients write, and check after each recovery.

    Raises:
        AssertionError: something that was acknowledged is missing, something is there by half, or the rule is broken.
    """
    with databases.connect(server.url) as conn:
        row = conn.execute("SELECT current_setting('data_directory'), current_setting('fsync')").fetchone()
    assert row is not None
    assert row[1] == "on"
    data = Path(row[0])
    url = databases.create_database(server.url)
    databases.upgrade(url)
    rng = random.Random(seed)
    writers = new_writers(url, seed)
    for _ in range(times):
        with writing(url, writers):
            wait_for_transactions(writers, rng.randrange(10, 200))
            counts.processes += _kill(data)
        _start(server, data)
        counts.crashes += 1
        _check(url, writers, counts)
    counts.transactions = sum(writer.transactions for writer in writers)
    counts.channels = sum(writer.channels for writer in writers)
    databases.drop_database(server.url, url)


def _kill(data: Path) -> int:
    """Kill the postmaster of this folder and all its processes; gives how many."""
    postmaster = psutil.Process(int((data / "postmaster.pid").read_text().splitlines()[0]))
    processes = [postmaster, *postmaster.children(recursive=True)]
    for process in processes:
        try:
            process.kill()
        except psutil.NoSuchProcess:  # a backend that has just ended
            continue
    # The next postmaster refuses to start while one of them still holds the shared memory.
    _, alive = psutil.wait_procs(processes, timeout=60)
    assert not alive, "a killed process does not end"
    return len(processes)


def _start(server: OwnServer, data: Path) -> None:
    subprocess.run(
        # Not start: restart finds the options of before, and starts what does not run.
        [server.programs / "pg_ctl", "restart", "-w", "-m", "immediate", "-D", data, "-l", data / "restart.log"],
        # pg_ctl refuses root.
        user=data.stat().st_uid if os.geteuid() == 0 else None,
        cwd="/",
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=True,
    )


def _check(url: str, writers: list[Writer], counts: Counts) -> None:
    with databases.connect(url) as conn:
        for writer in writers:
            counts.under_way.note(writer.check(conn))
        assert find_violations(conn) == []
        assert find_drift(read_fingerprint(conn)) == []


def main() -> int:
    """Crash as often as asked for and print the counts."""
    parser = argparse.ArgumentParser(prog="python -m tests.trust.crashes", description=__doc__)
    parser.add_argument("--times", type=int, default=50)
    arguments, picked = servers.parse_run(parser)
    began, counts = time.monotonic(), Counts()
    with interruptions.own_server(picked, fast=False) as server:
        databases.create_owner(server.url)
        crash_often(server, arguments.times, arguments.seed, counts)
    print(f"{counts}\n{time.monotonic() - began:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
