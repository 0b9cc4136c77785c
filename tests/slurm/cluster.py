"""A Slurm cluster of two nodes, n1 and n2, on this machine alone: keys, sockets, state and logs in one folder.

Debian's packages slurm-wlm and munge are enough; nothing of the machine's own Slurm, if there is one, is touched. By
hand, `python tests/slurm/cluster.py COMMAND ...` runs a command inside such a cluster and takes the cluster away again:

    python tests/slurm/cluster.py srun -N2 hostname
    python tests/slurm/cluster.py bash
"""

from __future__ import annotations

import contextlib
import getpass
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

NODES = ("n1", "n2")
PROGRAMS = ("munged", "slurmctld", "slurmd", "srun", "sbatch", "scontrol")
PATIENCE = 60.0  # seconds that the daemons have to come up

# Four CPUs a node whatever the machine has, so that two tasks a node always fit. A requeued job waits for cred_expire
# (usually 120 s), and a job at its time limit has KillWait (usually 30 s) between SIGTERM and SIGKILL. Job numbers
# begin anywhere: MPICH finds the memory that a killed job of the same number left behind.
CONFIGURATION = """
ClusterName=refsbnn
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller}
SlurmUser={user}
SlurmdUser={user}
FirstJobId={first}
AuthType=auth/munge
AuthInfo=socket={folder}/munge/socket,cred_expire=5
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool.%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
SwitchType=switch/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SchedulerType=sched/backfill
SchedulerParameters=sched_interval=1,sched_min_interval=0,bf_interval=1,batch_sched_delay=0
SlurmdParameters=config_overrides
ReturnToService=0
JobRequeue=0
KillWait=20
{nodes}
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP OverSubscribe=FORCE:4
"""


def missing() -> list[str]:
    """The programs of Slurm and MUNGE that are not installed here."""
    return [program for program in PROGRAMS if shutil.which(program, path=_path()) is None]


def _path() -> str:
    return os.environ.get("PATH", os.defpath) + ":/usr/sbin:/sbin"


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()


class Cluster:
    """Two nodes while the `with` statement lasts; `environment` is what Slurm's commands need to find them."""

    def __init__(self) -> None:
        # MUNGE's socket has to be reachable, and a socket's path is at most 107 bytes long.
        self.folder = Path(tempfile.mkdtemp(prefix="slurm-", dir="/tmp"))
        self.folder.chmod(0o755)
        self.environment = {key: value for key, value in os.environ.items() if not key.startswith("SLURM_")}
        self.environment |= {"PATH": _path(), "SLURM_CONF": str(self.folder / "slurm.conf")}
        self._daemons: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Cluster:
        try:
            self._start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        # Nothing of theirs is kept, and slurmd may wait for a step's end when it is asked to leave.
        for daemon in self._daemons:
            daemon.kill()
        for daemon in self._daemons:
            daemon.wait()
        self._end_what_is_left()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _end_what_is_left(self) -> None:
        """Jobs outlive Slurm's daemons; all that runs in one has this cluster's configuration in its environment."""
        mark = f"SLURM_CONF={self.environment['SLURM_CONF']}".encode()
        for _ in range(10):
            left = [pid for pid, variables in _environments() if mark in variables]
            for pid in left:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            if not left:
                return
            time.sleep(0.1)

    def _start(self) -> None:
        controller, *ports = _free_ports(1 + len(NODES))
        munge = self.folder / "munge"
        munge.mkdir(0o755)
        (self.folder / "state").mkdir()
        key = munge / "key"
        key.touch(0o600)
        key.write_bytes(os.urandom(128))
        lines = [
            f"NodeName={n} NodeHostname={n} NodeAddr=127.0.0.1 Port={p} CPUs=4"
            for n, p in zip(NODES, ports, strict=True)
        ]
        configuration = CONFIGURATION.format(
            host=socket.gethostname().split(".")[0],
            controller=controller,
            first=secrets.randbelow(60_000_000) + 1,
            user=getpass.getuser(),
            folder=self.folder,
            nodes="\n".join(lines),
        )
        (self.folder / "slurm.conf").write_text(configuration)

        self._daemon(
            "munged",
            "--foreground",
            "--force",  # also as root, and below /tmp
            f"--key-file={key}",
            f"--socket={munge / 'socket'}",
            f"--pid-file={munge / 'pid'}",
            f"--log-file={munge / 'log'}",
            f"--seed-file={munge / 'seed'}",
        )
        self._wait((munge / "socket").exists, "munged")
        self._daemon("slurmctld", "-D")
        self._wait(lambda: self.command("scontrol", "ping").returncode == 0, "slurmctld")
        for node in NODES:
            self._daemon("slurmd", "-D", "-N", node)
        self._wait(lambda: self.states() == ["idle"] * len(NODES), "the nodes")

    def _daemon(self, *command: str) -> None:
        log = self.folder / f"output.{len(self._daemons)}.{command[0]}"
        with log.open("wb") as output:
            self._daemons.append(
                subprocess.Popen(
                    command,
                    env=self.environment,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    cwd=self.folder,
                )
            )

    def _wait(self, ready, what: str) -> None:
        dead = lambda: any(daemon.poll() is not None for daemon in self._daemons)  # noqa: E731
        if not _until(lambda: dead() or ready(), PATIENCE) or dead():
            logs = sorted([*self.folder.glob("output.*"), *self.folder.glob("*.log"), *self.folder.glob("munge/log")])
            raise RuntimeError(f"{what} did not start\n" + "\n".join(f"{p.name}:\n{p.read_text()}" for p in logs))

    def states(self) -> list[str]:
        """What each node is, in their order: idle, mixed, allocated, down, ..."""
        lines = self.command("sinfo", "-h", "-N", "-o", "%N %T").stdout.split("\n")
        found = dict(line.split() for line in lines if line.strip())
        return [found.get(node, "unknown") for node in NODES]

    def command(self, *command: str, **options) -> subprocess.CompletedProcess[str]:
        """Run a command of Slurm to its end; output and errors are kept."""
        options = {"env": self.environment, "text": True, "timeout": 120} | options
        return subprocess.run(command, capture_output=True, stdin=subprocess.DEVNULL, **options)


def _environments() -> Iterator[tuple[int, list[bytes]]]:
    """The number of each other process of this machine that may be looked into, and its environment."""
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if int(folder.name) != os.getpid():
                yield int(folder.name), (folder / "environ").read_bytes().split(b"\0")


def _until(true, seconds: float) -> bool:
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            return False
        time.sleep(0.1)
    return True


def main() -> int:
    if missing():
        print(f"not installed: {', '.join(missing())} (Debian: slurm-wlm munge libpmi2-0)", file=sys.stderr)
        return 2
    with Cluster() as cluster:
        return subprocess.run(sys.argv[1:] or ["sinfo"], env=cluster.environment).returncode


if __name__ == "__main__":
    sys.exit(main())
