"""Batches made ahead: while a step runs, a thread makes the next one."""

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Made = TypeVar("Made")


def ahead(make: Callable[[Item], Made], items: Iterable[Item], depth: int = 1) -> Generator[Made, None, None]:
    """``make(item)`` for every item in order, up to `depth` of them made before they are asked for.

    One thread makes them, so their order is kept; what it raises is raised here, at that item. Closing the iterator, or
    leaving it to be collected, lets what is being made come to an end and starts no more.

    Examples
    --------
    >>> list(ahead(lambda n: n * n, range(4)))
    [0, 1, 4, 9]
    """
    with ThreadPoolExecutor(1, thread_name_prefix="batches") as thread:
        waiting: deque[Future[Made]] = deque()
        try:
            for item in items:
                waiting.append(thread.submit(make, item))
                if len(waiting) > depth:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for each in waiting:
                each.cancel()
