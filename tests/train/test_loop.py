"""The training loop: resumed equals uninterrupted, frozen stays frozen, divergence ends clearly, and it overfits."""

import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from curate.corpus import Corpus
from curate.errors import EmoforgeError
from train.checkpoint import AVERAGE, MODEL, OPTIMIZER, latest_checkpoint
from train.dataset import Windows
from train.diffusion import Dropout
from train.loop import Plan, StepMetrics, learning_rate, train
from train.models.emo import EmoModel
from train.models.presets import TINY, build
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
    model: EmoModel, corpus: Corpus, out: Path, *, stage: StageName = "video", plan: Plan = PLAN, resume: bool = False
) -> Iterator[StepMetrics]:
    windows = Windows(corpus, STAGES[stage], image_px=TINY.image_px, margin_frames=3, seed=plan.seed)
    return train(model, windows, preset="tiny", stage_name=stage, plan=plan, out=out, resume=resume)


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
        expected = load_file(latest_checkpoint(tmp_path / "whole") / name)
        found = load_file(latest_checkpoint(tmp_path / "parts") / name)
        assert expected.keys() == found.keys()
        assert all(torch.equal(value, found[key]) for key, value in expected.items())


@pytest.mark.parametrize("stage", ["image", "video", "speed"])
def test_only_what_the_stage_learns_moves(corpus: Corpus, tmp_path: Path, stage: StageName) -> None:
    model = fresh()
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    list(trained(model, corpus, tmp_path, stage=stage, plan=replace(PLAN, steps=3)))
    moved = {part_of(name) for name, p in model.named_parameters() if not torch.equal(p, before[name])}
    assert moved == STAGES[stage].learns


def test_a_checkpoint_of_another_run_is_not_gone_on_from(corpus: Corpus, tmp_path: Path) -> None:
    list(trained(fresh(), corpus, tmp_path, stage="image", plan=replace(PLAN, steps=1)))
    with pytest.raises(EmoforgeError, match="stage image"):
        next(trained(fresh(), corpus, tmp_path, stage="video", resume=True))


def test_a_loss_that_is_not_finite_ends_the_run_clearly(corpus: Corpus, tmp_path: Path) -> None:
    model = fresh()
    with torch.no_grad():
        model.backbone.conv_out.bias.fill_(math.inf)
    with pytest.raises(EmoforgeError, match="at step 1: training has diverged"):
        list(trained(model, corpus, tmp_path, stage="image"))
    assert not list(tmp_path.glob("checkpoints/*"))


def test_the_learning_rate_warms_up_and_comes_down() -> None:
    plan = replace(PLAN, steps=100, warmup_steps=10)
    rates = [learning_rate(step, plan) for step in range(100)]
    assert rates[0] == pytest.approx(1e-4, rel=0.01)
    assert max(rates) == rates[9] == pytest.approx(1e-3, rel=0.03)
    assert rates[-1] == pytest.approx(5e-5, rel=0.02)
    assert rates[9:] == sorted(rates[9:], reverse=True)
