"""Runs as processes of this machine."""

from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait

from refsbnn import interrupt
from refsbnn.sweeps.job import Crew, Job, Report, perform


def run(jobs: Sequence[Job], at_once: int, report: Report) -> None:
    """Do runs, some at a time. One that fails does not stop the others.

    Parameters
    ----------
    jobs : sequence of Job
    at_once : int
    report : callable
        Called in this thread as each run ends.

    Raises
    ------
    KeyboardInterrupt
        Ctrl-C, or SIGTERM (`interrupt.Terminated`): no further run began, and those at work have saved and ended.
    """
    crew = Crew()
    with interrupt.asked_to_stop() as stop:
        with ThreadPoolExecutor(at_once) as pool:
            waiting: dict[Future[str], Job] = {pool.submit(perform, job, crew): job for job in jobs}
            try:
                while waiting:
                    done, _ = wait(waiting, 0.1, FIRST_COMPLETED)
                    for future in done:
                        job, wrong = waiting.pop(future), future.result()
                        if not (crew.asked and wrong):
                            report(job, wrong)
                    if stop() and not crew.asked:
                        crew.stop()
            except BaseException:  # a second signal, or a report that failed: nobody waits for what is at work
                crew.stop()
                raise
        if stop.number is not None:
            interrupt.interrupt(stop.number, None)
