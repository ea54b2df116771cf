"""Work of the page that takes a while: done in one thread, watched from outside, and ended when nobody waits for it."""

import logging
import threading
import time
from collections.abc import Callable, Generator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import TypeVar

from curate.errors import EmoforgeError

log = logging.getLogger(__name__)
S = TypeVar("S")
T = TypeVar("T")
OnFrame = Callable[[int, int], None]  # (frames done, of all)

LOOK_EVERY_S = 0.3


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How far the work is; `left_s` is None before the first frames are done. `waits`: it has not begun."""

    done: int = 0
    total: int = 0
    left_s: float | None = None
    waits: bool = False


class Abandoned(Exception):
    """Nobody waits for this work any more."""


class Worker:
    """One thread for all visitors of the page: what a second one asks for begins when the first one's is done."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="studio")
        self._closed = threading.Event()

    def close(self) -> None:
        """End what is being done at its next frame, and begin nothing more."""
        self._closed.set()
        self._thread.shutdown(cancel_futures=True)

    def watch(self, work: Callable[[OnFrame], T], tell: Callable[[Progress | None], S]) -> Generator[S, None, T]:
        """Run `work` with a callback for its frames; yield what `tell` says of its progress, return its result.

        What it raises comes as an EmoforgeError. When the generator is closed, the work ends at its next frame.
        """
        frames, abandoned = _Frames(), threading.Event()

        def on_frame(done: int, total: int) -> None:
            if abandoned.is_set() or self._closed.is_set():
                raise Abandoned
            frames.seen(done, total)

        future = self._thread.submit(work, on_frame)
        try:
            while not wait([future], timeout=LOOK_EVERY_S).done:
                yield tell(frames.progress() if future.running() else Progress(waits=True))
            return _result(future)
        finally:
            abandoned.set()
            future.cancel()


def _result(future: Future[T]) -> T:
    error = future.exception()
    if error is None or isinstance(error, EmoforgeError):
        return future.result()
    log.error("the page's work failed", exc_info=error)
    what = next(iter(str(error).splitlines()), "") or "no more is known"
    raise EmoforgeError(
        f"something went wrong that was not foreseen ({type(error).__name__}: {what}); "
        "the terminal that runs the studio says more"
    ) from error


class _Frames:
    """Counts frames and foresees the end from those after the first report, which took the start with it."""

    def __init__(self) -> None:
        self._first: tuple[int, float] | None = None
        self._last: tuple[int, int] | None = None

    def seen(self, done: int, total: int) -> None:
        self._first = self._first or (done, time.monotonic())
        self._last = done, total

    def progress(self) -> Progress | None:
        if self._first is None or self._last is None:
            return None
        (first, began), (done, total) = self._first, self._last
        left_s = (time.monotonic() - began) / (done - first) * (total - done) if done > first else None
        return Progress(done=done, total=total, left_s=left_s)
