"""emoforge train: what a run leaves, that it goes on from any end, and what is refused before it begins."""

import json
import math
import multiprocessing
import os
import random
import signal
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from curate.corpus import Corpus, open_corpus
from curate.errors import MediaError
from pipelines.__main__ import main
from pipelines.train_validation import table
from pipelines.train_watching import held_out_clips
from tests.train.drawn import write_corpus
from train.checkpoint import AVERAGE, MODEL, OPTIMIZER, latest_checkpoint
from train.clip_tables import of_split

PNG = b"\x89PNG\r\n\x1a\n"
FOUR_STEPS = ["--steps", "4", "--batch_size", "2", "--checkpoint_every", "2", "--samples_every", "3"]


@pytest.fixture(autouse=True, scope="module")
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    """Two drawn clips of 40 frames."""
    return write_corpus(tmp_path_factory.mktemp("drawn") / "run", clips=2, n_frames=40)


def command(corpus: Corpus, out: Path, *more: str, stage: str = "image") -> list[str]:
    return ["train", "--shards", corpus.place, "--stage", stage, "--out", str(out), *FOUR_STEPS, *more]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, corpus: Corpus) -> Path:
    """A run of stage image that nothing interrupted."""
    out = tmp_path_factory.mktemp("whole") / "image"
    assert main(command(corpus, out)) == 0
    return out


def lines(out: Path, *, but: tuple[str, ...] = ()) -> list[dict[str, Any]]:
    found = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    return [{name: value for name, value in line.items() if name not in but} for line in found]


def tracked(out: Path) -> dict[str, list[int]]:
    """TensorBoard's own reading of a run: the steps of each curve and picture."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(out / "tensorboard"), size_guidance={"scalars": 0, "images": 0})
    events.Reload()
    tags = events.Tags()
    found = {tag: [event.step for event in events.Scalars(tag)] for tag in tags["scalars"]}
    return found | {tag: [event.step for event in events.Images(tag)] for tag in tags["images"]}


def assert_same(out: Path, whole: Path) -> None:
    """What was trained is the same to the bit; only times differ."""
    assert lines(out, but=("seconds",)) == lines(whole, but=("seconds",))
    for name in (MODEL, AVERAGE, OPTIMIZER):
        expected, found = (load_file(latest_checkpoint(run) / name) for run in (whole, out))
        assert expected.keys() == found.keys()
        assert all(torch.equal(value, found[key]) for key, value in expected.items())
    for grid in sorted((whole / "samples").iterdir()):
        assert (out / "samples" / grid.name).read_bytes() == grid.read_bytes()


def test_a_run_leaves_its_metrics_curve_grids_and_checkpoints(whole: Path) -> None:
    assert [line["step"] for line in lines(whole)] == [1, 2, 3, 4]
    assert all(math.isfinite(line["loss"]) and line["unreadable_clips"] == 0 for line in lines(whole))
    assert (whole / "loss.png").read_bytes().startswith(PNG)
    assert latest_checkpoint(whole).name == "step-000004"
    grids = {file.name: np.asarray(Image.open(file)) for file in (whole / "samples").iterdir()}
    assert sorted(grids) == ["step-000003.png", "step-000004.png"], "every third, and the last"
    assert grids["step-000003.png"].shape == (2 * 66, 3 * 66, 3), "two clips: reference, sampled, real"
    assert not np.array_equal(grids["step-000003.png"], grids["step-000004.png"])
    found = tracked(whole)
    assert found["train/loss"] == found["train/windows_per_s"] == [1, 2, 3, 4]
    assert found["samples"] == [3, 4]
    recorded = json.loads((whole / "run.json").read_text())["config"]
    assert (recorded["optimizer"]["learning_rate"], recorded["learns"]) == (2e-3, ["face", "reference", "spatial"])


def test_the_same_command_twice_does_nothing(whole: Path, corpus: Corpus, capsys: pytest.CaptureFixture[str]) -> None:
    before = (whole / "metrics.jsonl").stat().st_mtime_ns
    assert main(command(corpus, whole)) == 0
    assert "already trained" in capsys.readouterr().out
    assert (whole / "metrics.jsonl").stat().st_mtime_ns == before


def test_interrupted_it_goes_on_and_each_step_is_there_once(
    whole: Path, corpus: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from train.plan import Plan, learning_rate

    def interrupted(step: int, plan: Plan) -> float:
        if step == 3:
            raise KeyboardInterrupt
        return learning_rate(step, plan)

    with monkeypatch.context() as patched:
        patched.setattr("train.loop.learning_rate", interrupted)
        assert main(command(corpus, tmp_path / "t")) == 130
    assert [line["step"] for line in lines(tmp_path / "t")] == [1, 2, 3]
    assert main(command(corpus, tmp_path / "t", "--resume")) == 0
    assert_same(tmp_path / "t", whole)
    found = tracked(tmp_path / "t")
    assert found["train/loss"] == [1, 2, 3, 4]
    assert found["samples"] == [3, 4]


def test_sigterm_saves_the_step_and_says_so(
    whole: Path,
    corpus: Corpus,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    from train.plan import Plan, learning_rate

    before = signal.getsignal(signal.SIGTERM)  # Ray, in another test, may have set its own

    def told(step: int, plan: Plan) -> float:
        if step == 2:
            os.kill(os.getpid(), signal.SIGTERM)
        return learning_rate(step, plan)

    with monkeypatch.context() as patched:
        patched.setattr("train.loop.learning_rate", told)
        with pytest.raises(SystemExit) as ended:
            main(command(corpus, tmp_path / "t"))
    assert ended.value.code == 128 + signal.SIGTERM
    assert "ended by SIGTERM after step 3 of 4" in capsys.readouterr().err
    assert latest_checkpoint(tmp_path / "t").name == "step-000003"
    assert signal.getsignal(signal.SIGTERM) is before
    assert main(command(corpus, tmp_path / "t")) == 0
    assert_same(tmp_path / "t", whole)


def die(argv: list[str], syncs: int, after_s: float) -> None:
    """Train, and be killed at the so-many-th file of a checkpoint, or so long after the first step has begun."""
    import train.checkpoint
    import train.loop
    from train.plan import Plan

    torch.set_num_threads(1)
    durable, rate = train.checkpoint.sync, train.loop.learning_rate
    written, begun = [], threading.Event()

    def kill() -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    def sync(path: Path) -> None:
        written.append(path)
        if len(written) == syncs:
            kill()
        durable(path)

    def learning_rate(step: int, plan: Plan) -> float:
        if after_s and not begun.is_set():
            threading.Timer(after_s, kill).start()
        begun.set()
        return rate(step, plan)

    train.checkpoint.sync = sync
    train.loop.learning_rate = learning_rate
    main(argv)


@pytest.mark.slow
def test_killed_at_any_moment_it_goes_on_to_the_same_bits(whole: Path, corpus: Corpus, tmp_path: Path) -> None:
    argv = command(corpus, tmp_path / "t")
    moment = random.Random().uniform(0.05, 1.5)
    ends = []
    # in the middle of the first checkpoint, then at any moment, then in the middle of the last checkpoint
    for syncs, after_s in ((3, 0.0), (0, moment), (7, 0.0)):
        child = multiprocessing.get_context("spawn").Process(target=die, args=(argv, syncs, after_s))
        child.start()
        child.join()
        ends.append(child.exitcode)
    assert ends[0] == -signal.SIGKILL
    assert set(ends) <= {-signal.SIGKILL, 0}, f"{ends}, {moment:.2f} s"
    assert main(argv) == 0
    assert_same(tmp_path / "t", whole)


@pytest.mark.slow
def test_two_processes_are_one_with_both_their_windows(whole: Path, corpus: Corpus, tmp_path: Path) -> None:
    assert main(command(corpus, tmp_path / "t", "--workers", "2")) == 0
    assert_close(tmp_path / "t", whole)


def assert_close(out: Path, whole: Path) -> None:
    """The sums come in another order, and AdamW's first steps take a sign for a whole step: no more than that."""
    for one, other in zip(lines(out), lines(whole), strict=True):
        assert one["step"] == other["step"]
        assert one["loss"] == pytest.approx(other["loss"], rel=1e-3)
        assert one["grad_norm"] == pytest.approx(other["grad_norm"], rel=1e-2)
    assert lines(out)[0]["loss"] == pytest.approx(lines(whole)[0]["loss"], rel=1e-6)
    assert lines(out)[0]["grad_norm"] == pytest.approx(lines(whole)[0]["grad_norm"], rel=1e-5)


@pytest.mark.parametrize(
    ("flags", "complaint"),
    [
        (["--steps", "0"], "steps must be at least 1"),
        (["--dropout.audio", "1.5"], "dropout.audio must be in [0, 1)"),
        (["--optimizer.learning_rate", "0"], "optimizer.learning_rate must be above 0"),
        (["--optimizer.learning_rate", ".inf"], "optimizer.learning_rate must be above 0"),
        (["--preset", "huge"], "preset"),
        (["--step", "3"], "--steps"),
        (["--init-from", "nowhere"], "nowhere"),
        (["--loss.zero_snr", "true"], "loss.zero_snr needs loss.prediction_type v_prediction"),
        (["--loss.weighting", "snr"], "loss.weighting"),
        (["--learns", "[audio]"], "stage image can teach (face, reference, spatial), not audio"),
        (["--batch_size", "3", "--accumulation", "2"], "batch_size 3 is not a multiple of 1 processes"),
        (["--batch_size", "3", "--workers", "2"], "batch_size 3 is not a multiple of 2 processes"),
        (["--workers", "0"], "--workers must be at least 1"),
        (["--trackers", "[wandb]"], "pip install wandb"),
        (["--trackers", "[paper]"], "trackers"),
        (["--split", "val"], "was never split"),
    ],
)
def test_it_refuses_before_it_begins(
    corpus: Corpus, tmp_path: Path, capsys: pytest.CaptureFixture[str], flags: list[str], complaint: str
) -> None:
    assert main(command(corpus, tmp_path / "t", *flags)) == 2
    assert complaint in capsys.readouterr().err
    assert not (tmp_path / "t").exists()


def test_resume_insists_on_a_checkpoint(corpus: Corpus, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(command(corpus, tmp_path / "t", "--resume")) == 2
    assert "holds no checkpoint" in capsys.readouterr().err


def test_a_chain_of_stages_keeps_what_is_predicted(
    whole: Path, corpus: Corpus, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    more = ["--init-from", str(whole), "--loss.prediction_type", "v_prediction"]
    assert main(command(corpus, tmp_path / "t", *more, stage="video")) == 2
    assert "was trained with loss.prediction_type epsilon" in capsys.readouterr().err


def test_more_steps_are_another_run(whole: Path, corpus: Corpus, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*command(corpus, whole), "--steps", "6"]) == 2
    assert f"--init-from {whole}" in capsys.readouterr().err


def test_help_shows_the_table(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["train", "--help"])
    said = capsys.readouterr().out
    assert "sd15    image  30000  48     1e-05" in said
    assert "sd15 video learns audio, temporal" in said


def test_a_split_val_is_what_is_looked_at(tmp_path: Path) -> None:
    corpus = write_corpus(tmp_path / "run", clips=3, n_frames=20)
    trained = of_split(corpus, "train")
    assert [ref.clip_id for ref in held_out_clips(corpus.place, trained, 2)[0].clips] == ["clip1", "clip2"]
    assert held_out_clips(corpus.place, trained, 2)[1] is False
    splits = {"clip_id": ["clip0", "clip1", "clip2"], "split": ["train", "val", "train"]}
    pq.write_table(pa.table(splits), tmp_path / "run" / "splits.parquet")
    trained = of_split(open_corpus(corpus.place), "train")
    clips, is_held_out = held_out_clips(corpus.place, trained, 2)
    assert [ref.clip_id for ref in clips.clips] == ["clip1"]
    assert is_held_out


def test_what_cannot_be_shown_does_not_end_the_training(
    corpus: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise MediaError("truncated", "the clip is cut off")

    monkeypatch.setattr("train.sample_grid.sample_grid", broken)
    assert main([*command(corpus, tmp_path / "t"), "--steps", "1"]) == 0
    assert "nothing to see of step 1: the clip is cut off" in (tmp_path / "t" / "log.txt").read_text()


@pytest.mark.slow
def test_validation_samples_scores_and_tells(whole: Path, corpus: Corpus, tmp_path: Path) -> None:
    more = ["--init-from", str(whole), "--steps", "1", "--samples_every", "0"]
    more += ["--validation.every", "1", "--validation.clips", "1", "--validation.seconds", "0.6"]
    more += ["--validation.denoising_steps", "2", "--validation.metrics", "[psnr, sharpness_drift]"]
    out = tmp_path / "t"
    assert main(command(corpus, out, *more, stage="video")) == 0
    (line,) = [json.loads(text) for text in (out / "validation.jsonl").read_text().splitlines()]
    assert (line["step"], line["held_out"], line["clips"]) == (1, False, ["clip1"])
    assert 5 < line["metrics"]["psnr"]["value"] < 40
    assert (out / "validation" / "step-000001" / "sampled" / "clip1.mp4").is_file()
    assert tracked(out)["validation/psnr"] == [1]
    assert "| 1 | " in (out / "validation.md").read_text()


def test_the_table_of_validations() -> None:
    metrics = {
        "ssim": {"value": 0.5, "real": None, "absent": None},
        "lpips": {"value": None, "real": 1.0, "absent": "x"},
    }
    text = table([{"step": 7, "held_out": True, "clips": ["a", "b"], "metrics": metrics}])
    assert text.startswith("2 held-out clips")
    assert text.splitlines()[2:] == [
        "| step | ssim | lpips |",
        "| --- | --- | --- |",
        "| 7 | 0.5 | - |",
        "| real clips | - | 1 |",
    ]
