"""Loads a tflite model for one core: a worker owns one, and more threads a call slow every worker down."""

from pathlib import Path
from typing import Any


def load_interpreter(file: Path) -> Any:
    """Return a LiteRT interpreter with its tensors allocated."""
    from ai_edge_litert.interpreter import Interpreter  # 0.2 s to import: only where a model runs

    interpreter = Interpreter(str(file), num_threads=1)
    interpreter.allocate_tensors()
    return interpreter
