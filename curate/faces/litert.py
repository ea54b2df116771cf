"""Loads a tflite model for one core: a worker owns one, and more threads a call slow every worker down."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


def load_interpreter(file: Path) -> Any:
    """Return a LiteRT interpreter with its tensors allocated."""
    from ai_edge_litert.interpreter import Interpreter  # 0.2 s to import: only where a model runs

    with _native_stderr_hidden():  # it tells every user about its XNNPACK delegate; errors come as exceptions
        interpreter = Interpreter(str(file), num_threads=1)
        interpreter.allocate_tensors()
    return interpreter


@contextmanager
def _native_stderr_hidden() -> Iterator[None]:
    kept, nothing = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nothing)
