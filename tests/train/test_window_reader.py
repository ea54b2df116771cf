"""A clip's sound and pictures are those of the whole; what is broken of it is a MediaError."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.corpus import Corpus
from curate.errors import EmoforgeError, MediaError
from curate.media import read_frames
from tests.train.drawn import SIDE, write_corpus
from train.dataset import picture, to_pictures
from train.speech_features import sound_around
from train.window_reader import FetchedClip, face_series, fetch_clip, read_pictures, read_sound


@pytest.fixture(scope="module")
def clip(corpus: Corpus) -> FetchedClip:
    return fetch_clip(corpus, corpus.clips[1], with_sound=True)


@pytest.mark.parametrize("size", [SIDE, 48])
def test_pictures_are_those_of_the_whole_as_a_portrait_gives_them(corpus: Corpus, clip: FetchedClip, size: int) -> None:
    numbers = [*range(7, 23), 9]
    into = np.zeros((17, 3, size, size), np.uint8)
    read_pictures(clip.video, numbers, into=list(into))
    whole = [frame.image for frame in read_frames(corpus.video(corpus.clips[1]))]
    for number, found in zip(numbers, torch.from_numpy(into), strict=True):
        assert torch.equal(to_pictures(found), picture(whole[number], size=size))


@settings(max_examples=60, deadline=None)
@given(first=st.integers(0, 39), n_frames=st.integers(1, 12), margin=st.integers(0, 5))
def test_sound_of_some_frames_is_that_of_the_whole(
    corpus: Corpus, clip: FetchedClip, first: int, n_frames: int, margin: int
) -> None:
    whole = corpus.audio(corpus.clips[1])
    expected = sound_around(whole, first_frame=first, n_frames=n_frames, margin_frames=margin)
    found = read_sound(clip.sound, first_frame=first, n_frames=n_frames, margin_frames=margin)
    assert np.array_equal(found, expected)


def test_a_clip_without_sound_is_silent(corpus: Corpus) -> None:
    mute = replace(corpus.clips[0], audio_offset=-1, audio_size=0)
    clip = fetch_clip(corpus, mute, with_sound=True)
    found = read_sound(clip.sound, first_frame=3, n_frames=12, margin_frames=3)
    assert found.shape == (18 * 640,)
    assert not found.any()


def test_boxes_are_in_widths_of_the_picture(clip: FetchedClip) -> None:
    assert np.allclose(clip.boxes * SIDE, [24.0, 14.0, 104.0, 118.0])
    assert clip.speed_deg.shape == (40,)


def test_threads_read_rows_at_once(corpus: Corpus) -> None:
    expected = [face_series(corpus, ref)[1] for ref in corpus.clips]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda i: face_series(corpus, corpus.clips[i % 2])[1], range(400)))
    assert all(np.array_equal(speeds, expected[i % 2]) for i, speeds in enumerate(found))


def test_lists_that_are_not_a_value_a_frame_are_a_media_error(corpus: Corpus) -> None:
    with pytest.raises(MediaError, match="a face box and a speed a frame"):
        face_series(corpus, replace(corpus.clips[0], n_frames=41))


def test_a_row_that_the_shard_lacks_is_a_media_error(corpus: Corpus) -> None:
    with pytest.raises(MediaError, match="no row 7"):
        face_series(corpus, replace(corpus.clips[0], row=7))


def test_a_clip_beyond_the_end_of_its_shard_is_a_media_error(corpus: Corpus) -> None:
    with pytest.raises(MediaError, match="cut off"):
        fetch_clip(corpus, replace(corpus.clips[0], video_offset=1 << 30), with_sound=False)


def test_a_broken_row_group_is_a_media_error(tmp_path: Path) -> None:
    corpus = write_corpus(tmp_path / "run")
    shard = tmp_path / "run" / corpus.clips[0].shard
    content = bytearray(shard.read_bytes())
    media_end = corpus.clips[0].audio_offset + corpus.clips[0].audio_size
    content[media_end : len(content) - 8 - int.from_bytes(content[-8:-4], "little")] = bytes(
        len(content) - 8 - int.from_bytes(content[-8:-4], "little") - media_end
    )
    shard.write_bytes(content)
    with pytest.raises(MediaError, match="row"):
        face_series(corpus, corpus.clips[0])


def test_a_shard_that_is_gone_is_an_error_of_the_corpus(corpus: Corpus) -> None:
    gone = replace(corpus.clips[0], shard="shards/gone.parquet")
    with pytest.raises(EmoforgeError, match=r"gone\.parquet is missing") as raised:
        fetch_clip(corpus, gone, with_sound=False)
    assert not isinstance(raised.value, MediaError)
