"""Windows: seeded, true to the shards, and never handing the answer as the reference."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import count
from pathlib import Path
from threading import enumerate as enumerate_threads

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from fsspec.implementations.memory import MemoryFileSystem
from numpy.typing import NDArray

from curate.corpus import Corpus, open_corpus
from curate.errors import EmoforgeError
from tests.train.drawn import MOUTH, SIDE, write_corpus
from train.dataset import Batch, Windows, face_mask, indices_of
from train.speech_features import LogMel
from train.stages import STAGES, StageName
from train.window_reader import fetch_clip


def windows_of(corpus: Corpus, stage: StageName = "video", *, image_px: int = 32) -> Windows:
    return Windows(corpus, STAGES[stage], image_px=image_px, margin_frames=3, seed=0)


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


def test_a_stage_without_sound_reads_none(corpus: Corpus) -> None:
    batch = windows_of(corpus, "image").batch([0, 1])
    assert batch.samples.shape == (2, 7 * 640)
    assert not batch.samples.any()


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


@pytest.fixture
def numbered(monkeypatch: pytest.MonkeyPatch) -> None:
    """Frame k of every clip is of brightness k throughout."""

    def read(_video: bytes, numbers: Sequence[int], *, into: Sequence[NDArray[np.uint8]]) -> None:
        for number, planes in zip(numbers, into, strict=True):
            planes[:] = number

    monkeypatch.setattr("train.dataset.read_pictures", read)


@pytest.mark.usefixtures("numbered")
@pytest.mark.parametrize("stage", ["image", "video"])
def test_the_reference_is_never_a_frame_to_denoise(corpus: Corpus, stage: StageName) -> None:
    batch = windows_of(corpus, stage, image_px=8).batch(range(600))
    shown, reference = batch.frames[:, STAGES[stage].motion_frames :, 0, 0, 0].int(), batch.reference[:, 0, 0, 0]
    assert not (shown == reference[:, None]).any()
    assert len(reference.unique()) == 40
    assert (shown.diff(dim=1) == 1).all()


@pytest.mark.usefixtures("numbered")
def test_an_epoch_of_stage_image_denoises_every_frame_once(corpus: Corpus) -> None:
    windows = windows_of(corpus, "image", image_px=8)
    for epoch in range(2):
        shown = windows.batch(range(80 * epoch, 80 * (epoch + 1))).frames[:, 0, 0, 0, 0]
        assert shown.bincount().tolist() == [2] * 40  # one of each clip


@pytest.mark.usefixtures("numbered")
def test_an_epoch_of_windows_spreads_over_the_clip_and_every_frame_begins_one(corpus: Corpus) -> None:
    one = replace(corpus, clips=corpus.clips[:1])
    starts = windows_of(one, "video", image_px=8).batch(range(600)).frames[:, 0, 0, 0, 0]
    assert starts.unique().tolist() == list(range(25))
    epochs = starts.view(-1, 3).sort(dim=1).values  # 36 frames that can be denoised, 12 a window
    assert ((epochs >= torch.tensor([0, 8, 16])) & (epochs < torch.tensor([8, 16, 25]))).all()


def same(one: Batch, other: Batch) -> bool:
    tensors = ("frames", "reference", "face_mask", "samples", "speed")
    return one.places == other.places and all(torch.equal(getattr(one, name), getattr(other, name)) for name in tensors)


def stepped(windows: Windows, *, workers: int, first: int = 0, steps: int = 6) -> list[Batch]:
    places = ([*range(3 * step, 3 * step + 3)] for step in range(first, steps))
    return list(windows.batches(places, workers=workers))


@pytest.mark.parametrize("workers", [1, 3])
def test_any_number_of_workers_gives_the_same_bytes(corpus: Corpus, workers: int) -> None:
    alone = stepped(windows_of(corpus), workers=0)
    assert [batch.places for batch in alone] == [
        (0, 1, 2),
        (3, 4, 5),
        (6, 7, 8),
        (9, 10, 11),
        (12, 13, 14),
        (15, 16, 17),
    ]
    assert all(same(one, other) for one, other in zip(stepped(windows_of(corpus), workers=workers), alone, strict=True))
    resumed = stepped(windows_of(corpus), workers=workers, first=4)
    assert all(same(one, other) for one, other in zip(resumed, alone[4:], strict=True))


def test_two_ranks_read_what_one_reads(corpus: Corpus) -> None:
    alone = windows_of(corpus).batch(list(indices_of(1, batch_size=4)))
    ranks = [windows_of(corpus).batch(list(indices_of(1, batch_size=2, rank=rank, world_size=2))) for rank in range(2)]
    assert torch.equal(torch.cat([batch.frames for batch in ranks]), alone.frames)
    assert torch.equal(torch.cat([batch.samples for batch in ranks]), alone.samples)


def test_workers_end_when_the_iterator_is_closed(corpus: Corpus) -> None:
    windows = windows_of(corpus, "image")
    endless = windows.batches(([i] for i in count()), workers=2)
    next(endless)
    assert any(thread.name.startswith("windows") for thread in enumerate_threads())
    endless.close()  # type: ignore[attr-defined]
    assert not any(thread.name.startswith("windows") for thread in enumerate_threads())


def test_no_more_is_read_ahead_than_the_workers_need(corpus: Corpus) -> None:
    taken: list[int] = []
    places = (taken.append(step) or [2 * step, 2 * step + 1] for step in count())  # type: ignore[func-returns-value]
    batches = windows_of(corpus, "image").batches(places, workers=3)
    for step in range(4):
        next(batches)
        assert (
            len(taken) <= step + 4
        )  # its own, and three that hold the six windows that three workers have before them


def broken_clip(path: Path, *, clips: int = 3) -> Corpus:
    """Write a corpus whose first clip's pictures are overwritten with zeros."""
    corpus = write_corpus(path / "run", clips=clips, n_frames=40)
    ref = corpus.clips[0]
    pictures = corpus.video(ref).index(b"mdat") + 4
    with (path / "run" / ref.shard).open("r+b") as shard:
        shard.seek(ref.video_offset + pictures)
        shard.write(bytes(ref.video_size - pictures))
    return corpus


def test_a_broken_clip_is_told_once_and_replaced_alike_by_any_workers(tmp_path: Path) -> None:
    corpus = broken_clip(tmp_path)
    alone = stepped(windows_of(corpus), workers=0)
    lines = [line for batch in alone for line in batch.skipped]
    assert len(lines) == 1
    assert lines[0].startswith("clip clip0: ")
    others = stepped(windows_of(corpus), workers=2)
    assert all(same(one, other) for one, other in zip(others, alone, strict=True))
    assert [batch.skipped for batch in others] == [batch.skipped for batch in alone]


def test_clips_that_can_be_read_stay_where_they_are_in_the_order(tmp_path: Path) -> None:
    """A broken clip changes its own places and no others."""
    whole = write_corpus(tmp_path / "whole", clips=3, n_frames=40)
    expected = [windows_of(whole).batch([place]) for place in range(18)]
    broken = windows_of(broken_clip(tmp_path))
    found = [broken.batch([place]) for place in range(18)]
    differ = [place for place in range(18) if not same(expected[place], found[place])]
    assert len(differ) == 6  # the broken clip's slots, in two epochs


def test_a_corpus_of_broken_clips_ends_with_the_reason(tmp_path: Path) -> None:
    corpus = broken_clip(tmp_path, clips=1)
    windows = windows_of(corpus)
    for workers in (0, 2):
        with pytest.raises(EmoforgeError, match=r"none of 16 clips.*clip0: .*decoded"):
            stepped(windows, workers=workers)


def test_a_missing_shard_is_named_before_training(tmp_path: Path) -> None:
    corpus = write_corpus(tmp_path / "run", n_frames=40)
    (tmp_path / "run" / corpus.clips[0].shard).unlink()
    with pytest.raises(EmoforgeError, match=r"part-00000\.parquet"):
        windows_of(corpus)


def test_a_shard_that_goes_missing_ends_training_with_its_name(tmp_path: Path) -> None:
    corpus = write_corpus(tmp_path / "run", clips=2, n_frames=40)
    windows = Windows(corpus, STAGES["video"], image_px=32, margin_frames=3, seed=0, cached_clips=0)
    windows.batch([0])
    (tmp_path / "run" / corpus.clips[0].shard).unlink()
    for workers in (0, 2):
        with pytest.raises(EmoforgeError, match=r"part-00000\.parquet is missing"):
            stepped(windows, workers=workers)


def test_a_corpus_in_an_object_store_gives_the_same_windows(corpus: Corpus) -> None:
    files = MemoryFileSystem()
    files.put(corpus.place, "/windows/run", recursive=True)
    remote = open_corpus("memory://windows/run")
    here, there = (windows_of(c) for c in (corpus, remote))
    assert same(here.batch(range(4)), there.batch(range(4)))


def test_speech_and_singing_are_mixed_by_weight(tmp_path: Path) -> None:
    corpus = write_corpus(tmp_path / "run", clips=4, n_frames=40)
    table = {"clip_id": [ref.clip_id for ref in corpus.clips], "domain": ["speech", "speech", "speech", "singing"]}
    pq.write_table(pa.table(table), tmp_path / "run" / "clips.parquet")
    mix = {"speech": 0.75, "singing": 0.25}
    windows = Windows(corpus, STAGES["image"], image_px=8, margin_frames=3, seed=0, mix=mix)
    seen: list[str] = []
    windows._fetch = lambda ref: seen.append(ref.clip_id) or fetch_clip(corpus, ref, with_sound=False)  # type: ignore[assignment,func-returns-value]
    windows.batch(range(40))
    assert seen.count("clip3") == 10


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
