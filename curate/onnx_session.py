"""Loads an ONNX model for one core: a worker owns one, and onnxruntime takes them all unless told."""

from pathlib import Path
from typing import Any

from curate.errors import WeightsError


def load_session(file: Path) -> Any:
    """Return an onnxruntime session on one thread of the CPU."""
    try:
        import onnxruntime
    except ImportError as error:
        raise WeightsError(f"{file.name} needs onnxruntime: pip install onnxruntime") from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
