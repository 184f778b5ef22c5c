"""Three PostgreSQL nodes under Patroni on this machine, with one etcd, to be killed and switched over.

One etcd is no quorum, and on one machine nothing is ever cut off from the rest: what this cannot show is in
docs/high-availability.md.
"""

import json
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psutil

from tools import servers

NODES = 3
HOST = "127.0.0.1"
HOW_TO_GET_IT = (
    "Debian: apt-get install --no-install-recommends postgresql patroni etcd-server python3-etcd python3-psycopg2"
)
# As quick as Patroni 3.0 allows: ttl is at least 20, and loop_wait + 2 * retry_timeout at most ttl.
TTL = 20
_TIMING = {"ttl": TTL, "loop_wait": 2, "retry_timeout": 5}
_PATIENCE = 120.0
_FOLLOWERS = ("replica", "sync_standby")
# Bytes; with clients writing it is never 0 for long.
_IN_STEP = 1_000_000


class ClusterMissing(Exception):
    """Something that the cluster needs is not installed; the message says what, and how to get it."""


@dataclass
class Node:
    """One PostgreSQL and the Patroni that looks after it."""

    name: str
    folder: Path
    port: int
    rest_port: int
    patroni: subprocess.Popen[bytes] | None = None

    @property
    def data(self) -> Path:
        """Where its PostgreSQL keeps its data."""
        return self.folder / "data"

    @property
    def rest(self) -> str:
        """Where its Patroni answers."""
        return f"http://{HOST}:{self.rest_port}"


@dataclass
class Cluster:
    """The nodes, whichever of them leads."""

    nodes: list[Node]
    user: str | None
    programs: Path
    http: httpx.Client = field(default_factory=lambda: httpx.Client(timeout=_PATIENCE))

    @property
    def url(self) -> str:
        """Superuser's URL that leads to whoever leads, as clients write it."""
        places = ",".join(f"{HOST}:{node.port}" for node in self.nodes)
        return f"postgresql://postgres@{places}/postgres?target_session_attrs=read-write&connect_timeout=2"

    def start(self, node: Node) -> None:
        """Start a node's Patroni, which starts its PostgreSQL."""
        with (node.folder / "patroni.log").open("ab") as log:
            node.patroni = subprocess.Popen(
                ["patroni", node.folder / "patroni.json"],
                user=self.user,
                cwd="/",
                env=_environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def kill(self, node: Node) -> None:
        """SIGKILL to a node's Patroni and its PostgreSQL, all processes."""
        if node.patroni is not None:
            # A copy or a rewind under way is a process of Patroni's.
            processes = psutil.Process(node.patroni.pid).children(recursive=True)
            node.patroni.kill()
            node.patroni.wait()
            node.patroni = None
            _kill(processes)
        self.kill_postgres(node)

    def kill_postgres(self, node: Node) -> None:
        """SIGKILL to a node's PostgreSQL, all processes; its Patroni goes on."""
        _kill(_postgres_of(node))

    def leader(self) -> Node:
        """The node that leads now.

        Raises:
            AssertionError: none did within the time.
        """
        found: Node = self._until(self._leader, "there is a leader")
        return found

    def standby(self) -> Node:
        """A node that follows; the one that commits wait for, where they do.

        Raises:
            AssertionError: there was none within the time.
        """
        followers = self._until(
            lambda: sorted((m for m in self._members() if m["role"] in _FOLLOWERS), key=lambda m: m["role"]),
            "there is a standby",
        )
        return next(node for node in self.nodes if node.name == followers[-1]["name"])

    def switch_over(self) -> None:
        """Have the leader give way to another node, of Patroni's choice."""
        leader = self.leader()
        answer = self.http.post(f"{leader.rest}/switchover", json={"leader": leader.name})
        assert answer.status_code == 200, answer.text

    def restart(self, node: Node) -> None:
        """Restart a node's PostgreSQL, by its Patroni."""
        answer = self.http.post(f"{node.rest}/restart", json={})
        assert answer.status_code == 200, answer.text

    def set_synchronous(self, on: bool) -> None:
        """Have commits wait for a standby, or not."""
        answer = self.http.patch(f"{self.leader().rest}/config", json={"synchronous_mode": on})
        assert answer.status_code == 200, answer.text
        self.wait_until_whole(on)

    def wait_until_whole(self, synchronous: bool) -> None:
        """Wait until one node leads and the others stream from it; where it is synchronous, one of them as that.

        Raises:
            AssertionError: they did not within the time.
        """

        def whole() -> bool:
            members = self._members()
            roles = sorted(member["role"] for member in members)
            follow = [m for m in members if m["role"] != "leader"]
            timeline = max((m.get("timeline", 0) for m in members), default=0)
            wanted = ["leader", "replica", "sync_standby" if synchronous else "replica"]
            return roles == wanted and all(
                m["state"] in ("streaming", "running") and m.get("lag") in range(_IN_STEP) and m["timeline"] == timeline
                for m in follow
            )

        self._until(whole, "all nodes are back and in step")

    def _leader(self) -> Node | None:
        for node in self.nodes:
            with suppress(httpx.HTTPError):
                if self.http.get(f"{node.rest}/leader", timeout=2).status_code == 200:
                    return node
        return None

    def _members(self) -> list[dict[str, Any]]:
        for node in self.nodes:
            with suppress(httpx.HTTPError):
                members: list[dict[str, Any]] = self.http.get(f"{node.rest}/cluster", timeout=2).json()["members"]
                return members
        return []

    def _until(self, look: Callable[[], Any], what: str) -> Any:
        deadline = time.monotonic() + _PATIENCE
        while not (seen := look()):
            assert time.monotonic() < deadline, f"waited {_PATIENCE:.0f} s in vain: {what}: {self._members()}"
            time.sleep(0.1)
        return seen


@contextmanager
def running_cluster(*, synchronous: bool) -> Iterator[Cluster]:
    """Run the nodes on a temporary folder, and take everything away in the end.

    Raises:
        ClusterMissing: something is not installed.
        AssertionError: the nodes did not come up.
    """
    programs = _look_for_what_is_missing()
    user = "postgres" if os.geteuid() == 0 else None
    folder = Path(tempfile.mkdtemp(prefix="broadcast-manager-failover-"))
    folder.chmod(0o755)
    ports = free_ports(2 + 2 * NODES)
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        etcd = _own(folder / "etcd", user)
        client, peer = (f"http://{HOST}:{port}" for port in ports[:2])
        _run_etcd(stack, etcd, user, client, peer)
        nodes = [
            Node(f"node{n + 1}", _own(folder / f"node{n + 1}", user), ports[2 + 2 * n], ports[3 + 2 * n])
            for n in range(NODES)
        ]
        cluster = Cluster(nodes, user, programs)
        stack.callback(cluster.http.close)
        for node in nodes:
            _own(node.data, user)
            settings = _settings(node, programs, ports[0], synchronous)
            (node.folder / "patroni.json").write_text(json.dumps(settings, indent=2))
            stack.callback(cluster.kill, node)
        try:
            for node in nodes:
                cluster.start(node)
            cluster.wait_until_whole(synchronous)
        except AssertionError as error:
            log = (nodes[0].folder / "patroni.log").read_text().splitlines()
            raise AssertionError("\n".join([str(error), f"{nodes[0].name}'s Patroni said:", *log[-15:]])) from None
        yield cluster


def _look_for_what_is_missing() -> Path:
    """Where PostgreSQL's programs are, once everything else was found, too."""
    programs = servers.system_binaries()
    missing = [] if programs else ["PostgreSQL (initdb)"]
    missing += [name for name in ("patroni", "etcd") if shutil.which(name) is None]
    if os.geteuid() == 0:
        try:
            pwd.getpwnam("postgres")
        except KeyError:
            missing.append("a user postgres (servers refuse to run as root)")
    if missing or programs is None:
        raise ClusterMissing(f"missing: {', '.join(missing)}. {HOW_TO_GET_IT}")
    # Patroni runs on the system's Python, not on ours.
    needs = "import etcd, psycopg2"
    with Path(shutil.which("patroni") or "").open("rb") as script:
        python = script.readline().removeprefix(b"#!").decode().split()
    if python and subprocess.run([*python, "-c", needs], env=_environment(), capture_output=True).returncode != 0:
        raise ClusterMissing(f"Patroni's Python cannot {needs}. {HOW_TO_GET_IT}")
    return programs


def _environment() -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"}


def _own(folder: Path, user: str | None) -> Path:
    folder.mkdir(mode=0o700)
    if user is not None:
        shutil.chown(folder, user)
    return folder


def free_ports(count: int) -> list[int]:
    """Ports of this machine that nobody listens on now."""
    with ExitStack() as stack:
        taken = [stack.enter_context(socket.create_server((HOST, 0))) for _ in range(count)]
        return [int(listener.getsockname()[1]) for listener in taken]


def _run_etcd(stack: ExitStack, folder: Path, user: str | None, client: str, peer: str) -> None:
    # Its store is as good as the machine here; with fsync its writes would wait behind PostgreSQL's.
    with (folder / "log").open("wb") as log:
        etcd = subprocess.Popen(
            [
                *("etcd", "--unsafe-no-fsync", "--name", "etcd", "--data-dir", folder / "data"),
                *("--listen-client-urls", client, "--advertise-client-urls", client),
                *("--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer),
                *("--initial-cluster", f"etcd={peer}"),
            ],
            user=user,
            cwd="/",
            env=_environment(),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    stack.callback(etcd.wait)
    stack.callback(etcd.kill)


def _settings(node: Node, programs: Path, etcd_port: int, synchronous: bool) -> dict[str, Any]:
    address = f"{HOST}:{node.port}"
    return {
        "scope": "broadcast-manager",
        "name": node.name,
        "restapi": {"listen": f"{HOST}:{node.rest_port}", "connect_address": f"{HOST}:{node.rest_port}"},
        "etcd3": {"host": f"{HOST}:{etcd_port}"},
        "bootstrap": {
            "dcs": {
                **_TIMING,
                "synchronous_mode": synchronous,
                "postgresql": {
                    "use_pg_rewind": True,
                    "use_slots": True,
                    "parameters": {"wal_log_hints": "on", "max_connections": 100, "shared_buffers": "64MB"},
                },
            },
            "initdb": [{"encoding": "UTF8"}, {"locale": "C.UTF-8"}],
        },
        "postgresql": {
            "listen": address,
            "connect_address": address,
            "data_dir": str(node.data),
            "bin_dir": str(programs),
            "pgpass": str(node.folder / "pgpass"),
            # Reachable from this machine only, for as long as the run lasts.
            "pg_hba": [f"host all all {HOST}/32 trust", f"host replication all {HOST}/32 trust", "local all all trust"],
            "parameters": {"unix_socket_directories": str(node.folder)},
            "authentication": {"superuser": {"username": "postgres"}, "replication": {"username": "replicator"}},
        },
    }


def _kill(processes: list[psutil.Process]) -> None:
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(processes, timeout=30)


def _postgres_of(node: Node) -> list[psutil.Process]:
    try:
        postmaster = psutil.Process(int((node.data / "postmaster.pid").read_text().splitlines()[0]))
        # A pid file outlives a killed server, and its number may be a stranger's by now.
        if postmaster.name() != "postgres" or str(node.data) not in " ".join(postmaster.cmdline()):
            return []
        return [postmaster, *postmaster.children(recursive=True)]
    except (FileNotFoundError, IndexError, ValueError, psutil.NoSuchProcess):
        return []
