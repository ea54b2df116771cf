"""`evaluate` is this project's package: a Hugging Face package has the same import name."""

from pathlib import Path

import evaluate


def test_evaluate_is_ours() -> None:
    assert Path(evaluate.__file__).parent == Path(__file__).parents[2] / "evaluate"
