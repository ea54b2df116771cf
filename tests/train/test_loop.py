"""The training loop: resumed equals uninterrupted, frozen stays frozen, parts add up, and what fails ends clearly."""

import itertools
import json
import math
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from curate.corpus import Corpus
from curate.errors import EmoforgeError
from train.checkpoint import AVERAGE, MODEL, OPTIMIZER, STATE, latest_checkpoint
from train.dataset import Windows
from train.diffusion import Loss, noise_loss
from train.loop import train
from train.models.emo import EmoModel
from train.models.presets import TINY, build
from train.noise_schedule import Schedule
from train.optimizers import check_optimizer
from train.plan import Plan, StepMetrics, learning_rate
from train.recipes import Dropout
from train.stages import STAGES, StageName, part_of

PLAN = Plan(
    steps=4,
    batch_size=1,
    learning_rate=1e-3,
    warmup_steps=2,
    weight_decay=0.01,
    grad_clip=1.0,
    ema_decay=0.9,
    checkpoint_every=2,
    keep_checkpoints=3,
    seed=0,
    dropout=Dropout(),
)


def fresh(seed: int = 0) -> EmoModel:
    torch.manual_seed(seed)
    return build(TINY)


def trained(
    model: EmoModel,
    corpus: Corpus,
    out: Path,
    *,
    stage: StageName = "video",
    plan: Plan = PLAN,
    resume: bool = False,
    **more: Any,
) -> Iterator[StepMetrics]:
    windows = Windows(corpus, STAGES[stage], image_px=TINY.image_px, margin_frames=3, seed=plan.seed)
    return train(model, windows, preset="tiny", stage_name=stage, plan=plan, out=out, resume=resume, **more)


def weights(out: Path, name: str = MODEL) -> dict[str, torch.Tensor]:
    return load_file(latest_checkpoint(out) / name)


@pytest.mark.parametrize("stage", ["image", "speed"])
def test_resumed_equals_uninterrupted_to_the_bit(corpus: Corpus, tmp_path: Path, stage: StageName) -> None:
    whole = [m.loss for m in trained(fresh(), corpus, tmp_path / "whole", stage=stage)]
    interrupted = trained(fresh(), corpus, tmp_path / "parts", stage=stage)
    first = [next(interrupted).loss for _ in range(3)]  # the last checkpoint is of step 2
    interrupted.close()  # type: ignore[attr-defined]
    torch.manual_seed(99)
    rest = [m.loss for m in trained(fresh(seed=5), corpus, tmp_path / "parts", stage=stage, resume=True)]
    assert first[:2] + rest == whole
    for name in (MODEL, AVERAGE, OPTIMIZER):
        expected, found = weights(tmp_path / "whole", name), weights(tmp_path / "parts", name)
        assert expected.keys() == found.keys()
        assert all(torch.equal(value, found[key]) for key, value in expected.items())


@pytest.mark.parametrize("stage", ["image", "video", "speed"])
def test_only_what_the_stage_learns_moves(corpus: Corpus, tmp_path: Path, stage: StageName) -> None:
    model = fresh()
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    list(trained(model, corpus, tmp_path, stage=stage, plan=replace(PLAN, steps=3)))
    moved = {part_of(name) for name, p in model.named_parameters() if not torch.equal(p, before[name])}
    assert moved == STAGES[stage].learns


def test_the_plan_may_say_what_learns(corpus: Corpus, tmp_path: Path) -> None:
    model = fresh()
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    plan = replace(PLAN, steps=1, learns=frozenset({"face"}))
    list(trained(model, corpus, tmp_path, stage="image", plan=plan))
    assert {part_of(name) for name, p in model.named_parameters() if not torch.equal(p, before[name])} == {"face"}


def test_a_checkpoint_of_another_run_is_not_gone_on_from(corpus: Corpus, tmp_path: Path) -> None:
    list(trained(fresh(), corpus, tmp_path, stage="image", plan=replace(PLAN, steps=1)))
    with pytest.raises(EmoforgeError, match="stage image"):
        next(trained(fresh(), corpus, tmp_path, stage="video", resume=True))


def test_accumulated_parts_are_one_step_of_them_all(corpus: Corpus, tmp_path: Path) -> None:
    at_once = replace(PLAN, steps=2, batch_size=2)
    whole = list(trained(fresh(), corpus, tmp_path / "whole", stage="image", plan=at_once))
    in_parts = replace(at_once, batch_size=1, accumulation=2)
    parts = list(trained(fresh(), corpus, tmp_path / "parts", stage="image", plan=in_parts))
    for one, other in zip(whole, parts, strict=True):
        assert one.loss == pytest.approx(other.loss, rel=1e-5)  # sums in another order
        assert one.grad_norm == pytest.approx(other.grad_norm, rel=1e-4)


def test_checkpointed_gradients_are_the_same(corpus: Corpus, tmp_path: Path) -> None:
    plan = replace(PLAN, steps=2)
    plain = list(trained(fresh(), corpus, tmp_path / "plain", plan=plan))
    again = list(trained(fresh(), corpus, tmp_path / "again", plan=replace(plan, gradient_checkpointing=True)))
    for one, other in zip(plain, again, strict=True):
        assert one.loss == pytest.approx(other.loss, rel=1e-5)
        assert one.grad_norm == pytest.approx(other.grad_norm, rel=1e-4)


def test_bfloat16_computes_nearly_the_same_and_keeps_weights_and_averages_whole(corpus: Corpus, tmp_path: Path) -> None:
    plan = replace(PLAN, steps=2)
    whole = [m.loss for m in trained(fresh(), corpus, tmp_path / "whole", stage="image", plan=plan)]
    half = replace(plan, precision="bfloat16")
    found = [m.loss for m in trained(fresh(), corpus, tmp_path / "half", stage="image", plan=half)]
    assert found == pytest.approx(whole, rel=0.02)
    assert found != whole
    for name in (MODEL, AVERAGE):
        assert {value.dtype for value in weights(tmp_path / "half", name).values()} == {torch.float32}


def test_v_prediction_of_pure_noise_learns(corpus: Corpus, tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = build(TINY, schedule=Schedule(prediction_type="v_prediction", zero_snr=True))
    plan = replace(PLAN, steps=8, batch_size=8, loss=Loss(weighting="min_snr"))
    losses = [m.loss for m in trained(model, corpus, tmp_path, stage="image", plan=plan)]
    assert sum(losses[-3:]) < sum(losses[:3])
    assert json.loads((latest_checkpoint(tmp_path) / STATE).read_text())["zero_snr"] is True


class Looking:
    """Notes what it is shown, and draws from the global randomness."""

    def __init__(self) -> None:
        self.seen: dict[int, torch.Tensor] = {}

    def due(self, step: int) -> bool:
        return step % 2 == 0

    def look(self, step: int, model: EmoModel) -> None:
        torch.rand(3)
        assert not model.training
        self.seen[step] = model.own_state()["backbone.conv_in.weight"].clone()


def test_looking_sees_the_average_and_changes_nothing(corpus: Corpus, tmp_path: Path) -> None:
    alone = [m.loss for m in trained(fresh(), corpus, tmp_path / "alone", stage="image")]
    watch = Looking()
    watched = [m.loss for m in trained(fresh(), corpus, tmp_path / "watched", stage="image", watch=watch)]
    assert watched == alone
    assert list(watch.seen) == [2, 4]
    assert torch.equal(watch.seen[4], weights(tmp_path / "watched", AVERAGE)["backbone.conv_in.weight"])
    assert not torch.equal(watch.seen[4], weights(tmp_path / "watched")["backbone.conv_in.weight"])


def test_told_to_stop_it_saves_and_ends(corpus: Corpus, tmp_path: Path) -> None:
    asked = iter([False, True, True])
    steps = [m.step for m in trained(fresh(), corpus, tmp_path, stage="image", stop=lambda: next(asked))]
    assert steps == [1, 2]
    assert latest_checkpoint(tmp_path).name == "step-000002"


def test_a_loss_that_stays_not_finite_ends_the_run_clearly(corpus: Corpus, tmp_path: Path) -> None:
    model = fresh()
    with torch.no_grad():
        model.backbone.conv_out.bias.fill_(math.inf)
    steps = trained(model, corpus, tmp_path, stage="image", plan=replace(PLAN, max_skipped_steps=2))
    for _ in range(2):
        metrics = next(steps)
        assert metrics.skipped
        assert not math.isfinite(metrics.loss)
    with pytest.raises(EmoforgeError, match="at step 3: training has diverged"):
        next(steps)
    assert not list(tmp_path.glob("checkpoints/*"))


def test_a_step_that_is_not_finite_leaves_the_weights_and_is_gone_on_from(
    corpus: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = fresh()
    calls = itertools.count()

    def sometimes(*given: Any, **named: Any) -> torch.Tensor:
        return noise_loss(*given, **named) * (math.nan if next(calls) == 1 else 1.0)

    monkeypatch.setattr("train.loop.noise_loss", sometimes)
    steps = trained(model, corpus, tmp_path, stage="image", plan=replace(PLAN, max_skipped_steps=1))
    next(steps)
    before = {name: value.clone() for name, value in model.own_state().items()}
    assert next(steps).skipped
    assert all(torch.equal(value, before[name]) for name, value in model.own_state().items())
    assert not next(steps).skipped
    assert not torch.equal(model.backbone.conv_in.weight, before["backbone.conv_in.weight"])


@pytest.mark.parametrize(
    "error",
    [torch.OutOfMemoryError("CUDA out of memory. Tried"), RuntimeError("DefaultCPUAllocator: can't allocate memory")],
)
def test_too_little_memory_says_what_to_lower(
    corpus: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def full(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("train.loop.noise_loss", full)
    with pytest.raises(EmoforgeError, match=r"preset tiny and 1 windows.*batch_size.*gradient_checkpointing.*bfloat16"):
        next(trained(fresh(), corpus, tmp_path, stage="image"))
    assert not list(tmp_path.glob("checkpoints/*"))


def test_eight_bits_without_their_package_are_an_error_that_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "bitsandbytes", None)
    with pytest.raises(EmoforgeError, match="pip install bitsandbytes"):
        check_optimizer("adamw_8bit")


def test_the_learning_rate_warms_up_and_comes_down() -> None:
    plan = replace(PLAN, steps=100, warmup_steps=10)
    rates = [learning_rate(step, plan) for step in range(100)]
    assert rates[0] == pytest.approx(1e-4, rel=0.01)
    assert max(rates) == rates[9] == pytest.approx(1e-3, rel=0.03)
    assert rates[-1] == pytest.approx(5e-5, rel=0.02)
    assert rates[9:] == sorted(rates[9:], reverse=True)
