"""SIGTERM as a wish: a machine that is taken back gets its work saved first."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

EXIT_CODE = 128 + signal.SIGTERM


@contextmanager
def stopping_on_sigterm(tell: Callable[[], None] = lambda: None) -> Iterator[Callable[[], bool]]:
    """Give a function that says whether SIGTERM has come; `tell` is called when it does.

    Signals reach a process' main thread alone; in any other one nothing is ever said.
    """
    told = threading.Event()

    def hear(_number: int, _frame: FrameType | None) -> None:
        told.set()
        tell()

    if threading.current_thread() is not threading.main_thread():
        yield told.is_set
        return
    before = signal.signal(signal.SIGTERM, hear)
    try:
        yield told.is_set
    finally:
        signal.signal(signal.SIGTERM, before)
