"""One clip, learned by heart: the loss falls tenfold, and the sampled mouth follows the voice."""

from pathlib import Path

import numpy as np
import pytest
import torch

from curate.corpus import Corpus
from curate.media import read_frames
from tests.train.drawn import SIDE, write_corpus
from train.checkpoint import load_model
from train.dataset import Windows, face_mask, picture
from train.diffusion import Loss
from train.loop import train
from train.models.emo import EmoModel
from train.models.presets import TINY, build
from train.plan import Plan
from train.recipes import RECIPES
from train.sampling import SamplerSettings, generate
from train.stages import STAGES, StageName

SIZE = TINY.image_px
MOUTH = (slice(43, 52), slice(26, 38))  # rows and columns of the drawn mouth, at the model's size


def learn(model: EmoModel, corpus: Corpus, stage: StageName, out: Path, *, steps: int, batch: int) -> list[float]:
    plan = Plan(
        steps=steps,
        batch_size=batch,
        learning_rate=3e-3,
        warmup_steps=10,
        weight_decay=0.01,
        grad_clip=1.0,
        ema_decay=0.95,
        checkpoint_every=steps,
        keep_checkpoints=1,
        seed=0,
        dropout=RECIPES["tiny"][stage].dropout,
        loss=Loss(weighting=RECIPES["tiny"][stage].weighting),
        learns=RECIPES["tiny"][stage].learns,
    )
    windows = Windows(corpus, STAGES[stage], image_px=SIZE, margin_frames=3, seed=0)
    return [m.loss for m in train(model, windows, preset="tiny", stage_name=stage, plan=plan, out=out, resume=False)]


@pytest.mark.slow
def test_a_clip_learned_by_heart_is_sampled_with_its_mouth_following_the_voice(tmp_path: Path) -> None:
    corpus = write_corpus(tmp_path / "corpus", n_frames=60)
    torch.manual_seed(0)
    losses = learn(build(TINY), corpus, "image", tmp_path / "image", steps=60, batch=8)
    model, _ = load_model(tmp_path / "image")
    losses += learn(model, corpus, "video", tmp_path / "video", steps=110, batch=1)
    assert np.mean(losses[-20:]) < np.mean(losses[:5]) / 10

    model, _ = load_model(tmp_path / "video")
    ref = corpus.clips[0]
    real = torch.stack([picture(frame.image, size=SIZE) for frame in read_frames(corpus.video(ref))])
    box = np.asarray(corpus.row(ref, ["face_box"])["face_box"][:1], np.float32) * (SIZE / SIDE)
    frames = torch.stack(
        list(
            generate(
                model,
                reference=real[0],
                face_mask=face_mask(box, size=SIZE),
                samples=corpus.audio(ref),
                n_frames=len(real),
                settings=SamplerSettings(steps=8, audio_guidance=2.0),
            )
        )
    )
    assert (frames - real).square().mean() < 0.02, "the face is there"
    sampled, truth = (video[:, 0, MOUTH[0], MOUTH[1]].mean((1, 2)).numpy() for video in (frames, real))
    assert np.corrcoef(sampled, truth)[0, 1] > 0.6, "the mouth opens when it should"
    assert sampled.std() > 0.3 * truth.std(), "and visibly so"
