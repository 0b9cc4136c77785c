"""A sign of life from rank to rank: where one is killed or stopped, the others end instead of waiting for ever.

Each rank sends an empty message to the next one every few seconds, from a thread of its own, so that a long step or a
long compilation is no silence.
"""

import atexit
import os
import threading
import time
from collections.abc import Callable
from typing import Any

from refsbnn.console import FAILED

EVERY = 2.0  # seconds between two signs
SILENT = 30.0  # seconds without one after which a rank counts as lost
LEAVE = 5.0  # seconds that the MPI library has to end all ranks


class Heartbeat(threading.Thread):
    """The thread.

    Parameters
    ----------
    comm : mpi4py.MPI.Intracomm
        For these messages alone.
    abort : callable
        Ends all ranks with an exit code.
    """

    def __init__(self, comm: Any, abort: Callable[[int], None]) -> None:
        super().__init__(name="heartbeat", daemon=True)
        self.comm, self.abort = comm, abort
        self.ended = threading.Event()

    def run(self) -> None:
        """Send and listen until `close`."""
        rank, size = self.comm.Get_rank(), self.comm.Get_size()
        before, after = (rank - 1) % size, (rank + 1) % size
        heard = woke = time.monotonic()
        sign, sent = bytearray(1), None
        while not self.ended.wait(EVERY):
            now = time.monotonic()
            if now - woke > 3 * EVERY:  # it was this process that stood still
                heard = now
            woke = now
            if sent is None or sent.Test():
                sent = self.comm.Isend(sign, after)
            while self.comm.Iprobe(before):
                self.comm.Recv(bytearray(1), before)
                heard = now
            if now - heard > SILENT:
                self.lost(before)

    def lost(self, rank: int) -> None:
        """End all ranks with a line."""
        os.write(2, f"refsbnn: error: rank {rank} has given no sign for {SILENT:.0f} s; all ranks end\n".encode())
        late = threading.Timer(LEAVE, os._exit, [FAILED])
        late.daemon = True
        late.start()
        self.abort(FAILED)

    def close(self) -> None:
        """End the thread, all ranks at once, and take the signs that are still under way."""
        self.comm.Barrier()
        self.ended.set()
        self.join()
        self.comm.Barrier()
        rank, size = self.comm.Get_rank(), self.comm.Get_size()
        while self.comm.Iprobe((rank - 1) % size):
            self.comm.Recv(bytearray(1), (rank - 1) % size)


def begin(comm: Any, abort: Callable[[int], None]) -> None:
    """Start the thread; it ends when the program does."""
    heartbeat = Heartbeat(comm, abort)
    heartbeat.start()
    atexit.register(heartbeat.close)
