"""Training on Ray: two workers are one process with both their windows, and what fails is said as it is locally."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from pipelines.__main__ import main
from tests.pipelines.test_train import assert_close, command
from tests.train.drawn import write_corpus
from train.checkpoint import latest_checkpoint

pytestmark = [pytest.mark.ray, pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture(autouse=True)
def _no_cluster_is_left() -> Iterator[None]:
    yield
    pytest.importorskip("ray").shutdown()


def test_two_workers_are_one_process_with_both_their_windows(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    corpus = write_corpus(tmp_path / "corpus", clips=2, n_frames=40)
    on_ray = ["--executor", "ray", "--workers", "2", "--device", "cpu"]
    assert main(command(corpus, tmp_path / "ray", *on_ray)) == 0
    assert main(command(corpus, tmp_path / "local", "--device", "cpu")) == 0
    assert_close(tmp_path / "ray", tmp_path / "local")
    assert latest_checkpoint(tmp_path / "ray").name == "step-000004"

    too_fast = ["--optimizer.learning_rate", "1e30", "--max_skipped_steps", "0"]
    assert main(command(corpus, tmp_path / "diverged", *on_ray, *too_fast)) == 2
    assert "training has diverged" in capsys.readouterr().err
