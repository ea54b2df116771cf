"""Windows: seeded, true to the shards, and never handing the answer as the reference."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from curate.corpus import Corpus
from curate.errors import EmoforgeError
from tests.train.drawn import MOUTH, SIDE
from train.dataset import Clip, Windows, face_mask, indices_of
from train.speech_features import LogMel
from train.stages import STAGES, StageName


def test_shapes_and_ranges_of_a_batch(corpus: Corpus) -> None:
    batch = Windows(corpus, STAGES["video"], image_px=64, margin_frames=3, seed=0).batch([0, 1, 2])
    assert batch.frames.shape == (3, 16, 3, 64, 64)
    assert batch.reference.shape == (3, 3, 64, 64)
    assert batch.face_mask.shape == (3, 1, 64, 64)
    assert batch.samples.shape == (3, 18 * 640)
    assert batch.speed.shape == (3, 16)
    assert batch.frames.dtype == torch.uint8
    assert batch.frames.min() < 60 < 200 < batch.frames.max()
    assert set(batch.face_mask.unique().tolist()) == {0.0, 1.0}


def test_a_window_depends_on_the_seed_and_its_place_alone(corpus: Corpus) -> None:
    windows = Windows(corpus, STAGES["video"], image_px=64, margin_frames=3, seed=3)
    windows.batch(range(5))
    fresh = Windows(corpus, STAGES["video"], image_px=64, margin_frames=3, seed=3).batch([7])
    assert torch.equal(windows.batch([7]).frames, fresh.frames)
    other = Windows(corpus, STAGES["video"], image_px=64, margin_frames=3, seed=4)
    assert any(not torch.equal(windows.batch([i]).frames, other.batch([i]).frames) for i in range(4))


def test_sound_and_picture_of_a_window_belong_together(corpus: Corpus) -> None:
    """The drawn mouth is open when the drawn voice is loud."""
    batch = Windows(corpus, STAGES["video"], image_px=SIDE, margin_frames=3, seed=0).batch(range(8))
    mouth = batch.frames[:, 4:, 0, MOUTH[0], MOUTH[1]].float().mean((-1, -2)).flatten()  # darker when open
    loudness = LogMel()(batch.samples)[:, :, 2].mean(-1).flatten()
    assert np.corrcoef(mouth, loudness)[0, 1] < -0.6


@pytest.mark.parametrize("stage", ["image", "video"])
def test_the_reference_is_never_a_frame_to_denoise(
    corpus: Corpus, stage: StageName, monkeypatch: pytest.MonkeyPatch
) -> None:
    windows = Windows(corpus, STAGES[stage], image_px=8, margin_frames=3, seed=0)
    numbered = Clip(  # frame k is of brightness k throughout
        frames=np.broadcast_to(np.arange(50, dtype=np.uint8)[:, None, None, None], (50, 8, 8, 3)).copy(),
        samples=np.zeros(50 * 640, np.float32),
        boxes=np.tile(np.array([0, 0, 8, 8], np.float32), (50, 1)),
        speed_deg=np.zeros(50, np.float32),
    )
    monkeypatch.setattr(windows, "_load", lambda _number: numbered)
    batch = windows.batch(range(600))
    number = lambda pictures: pictures[..., 0, 0, 0].int()  # noqa: E731
    shown, reference = number(batch.frames[:, STAGES[stage].motion_frames :]), number(batch.reference)
    assert not (shown == reference[:, None]).any()
    assert len(reference.unique()) == 50
    assert (shown.diff(dim=1) == 1).all()


def test_a_corpus_of_too_short_clips_is_refused(corpus: Corpus) -> None:
    short = replace(corpus, clips=tuple(replace(ref, n_frames=16) for ref in corpus.clips))
    with pytest.raises(EmoforgeError, match="16 frames"):
        Windows(short, STAGES["video"], image_px=64, margin_frames=3, seed=0)


def test_the_mask_is_the_union_of_the_boxes() -> None:
    mask = face_mask(np.array([[2.2, 3.0, 5.0, 6.0], [4.0, 1.5, 9.1, 4.0]], np.float32), size=12)
    expected = torch.zeros(1, 12, 12)
    expected[:, 1:6, 2:10] = 1
    assert torch.equal(mask, expected)
    assert face_mask(np.array([[-5, -5, 99, 99]], np.float32), size=8).all()


def test_processes_share_out_a_step_without_gap_or_overlap() -> None:
    places = [
        i for step in range(3) for rank in range(2) for i in indices_of(step, batch_size=4, rank=rank, world_size=2)
    ]
    assert places == list(range(24))


def test_speeds_of_the_corpus_are_degrees_a_frame(corpus: Corpus) -> None:
    speeds = Windows(corpus, STAGES["speed"], image_px=64, margin_frames=3, seed=0).speeds_deg()
    assert len(speeds) == 80
    assert 0 <= speeds.min() <= speeds.max() <= 1
