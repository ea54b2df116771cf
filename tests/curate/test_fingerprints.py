"""Fingerprints outlive what a copy goes through, and say nothing where nothing moves, shows or sounds."""

import io
from collections.abc import Callable

import av
import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from curate.fingerprints import (
    HASH_EVERY_FRAMES,
    LEFT_RIGHT_BIT,
    MIRROR_BITS,
    FrameHasher,
    audio_fingerprint,
    frame_hashes,
)
from curate.media_writing import encode_flac

Picture = NDArray[np.uint8]


def wandering_blobs(n: int, *, size: int = 128, seed: int = 0) -> list[Picture]:
    """Frames of bright blobs, each on its own path, over a gradient."""
    generator = np.random.default_rng(seed)
    rows, columns = np.mgrid[:size, :size] / size
    paths = np.cumsum(generator.normal(0, 0.03, (n, 6, 2)), axis=0) + generator.uniform(0.2, 0.8, (6, 2))
    frames = []
    for centres in paths:
        light = 60 * columns + sum(60 * np.exp(-((rows - y) ** 2 + (columns - x) ** 2) / 0.02) for y, x in centres)
        frames.append(np.repeat(np.clip(light, 0, 255).astype(np.uint8)[:, :, None], 3, axis=2))
    return frames


def voice(seconds: float, *, seed: int = 0) -> NDArray[np.float32]:
    """Noise whose bands swell and fade at the rate of syllables."""
    generator = np.random.default_rng(seed)
    n = round(16_000 * seconds)
    knots = np.arange(0, n + 3200, 3200)
    swell = [np.interp(np.arange(n), knots, generator.random(len(knots))) for _ in range(12)]
    time = np.arange(n) / 16_000
    tones = [np.sin(2 * np.pi * 330 * 1.2**band * time + generator.random()) for band in range(12)]
    return (0.05 * np.sum([s**3 * t for s, t in zip(swell, tones, strict=True)], axis=0)).astype(np.float32)


def words(hashes: list[int]) -> tuple[NDArray[np.uint32], NDArray[np.uint32]]:
    both = np.array(hashes, np.int64).view(np.uint64)
    return (both >> np.uint64(32)).astype(np.uint32), both.astype(np.uint32)


def difference(one: NDArray[np.uint32], other: NDArray[np.uint32]) -> float:
    known = (one != 0) & (other != 0)
    assert known.any()
    return float(np.bitwise_count(one ^ other)[known].mean()) / 32


def test_the_stream_and_the_list_agree_and_one_frame_in_five_is_looked_at() -> None:
    frames = wandering_blobs(61)
    hasher = FrameHasher()
    for index, frame in enumerate(frames):
        hasher.feed(index, frame if index % HASH_EVERY_FRAMES == 0 else np.zeros_like(frame))
    assert hasher.hashes == frame_hashes(frames)
    assert len(hasher.hashes) == 13
    assert all(-(2**63) <= value < 2**63 for value in hasher.hashes)


@pytest.mark.parametrize(
    ("change", "most"),
    [
        (lambda frame: cv2.resize(frame, (512, 512)), 0.03),
        (lambda frame: cv2.convertScaleAbs(frame, alpha=0.8, beta=20), 0.03),
        (lambda frame: cv2.imdecode(cv2.imencode(".jpg", frame, [cv2.IMWRITE_JPEG_QUALITY, 20])[1], 1), 0.08),
        (lambda frame: cv2.resize(frame[3:-2, 2:-3], (128, 128)), 0.2),
    ],
    ids=["larger", "brighter", "jpeg", "crop_shift"],
)
def test_a_copy_differs_in_few_bits_and_another_picture_in_half(
    change: Callable[[Picture], Picture], most: float
) -> None:
    frames = wandering_blobs(100)
    here, there, other = (
        words(frame_hashes(some)) for some in (frames, map(change, frames), wandering_blobs(100, seed=1))
    )
    for part in (0, 1):
        assert difference(here[part], there[part]) <= most
        assert difference(here[part], other[part]) > 0.35


def test_mirroring_turns_the_odd_bits() -> None:
    frames = wandering_blobs(60)
    mirrored = words(frame_hashes([frame[:, ::-1].copy() for frame in frames]))
    for part, turned in zip(words(frame_hashes(frames)), mirrored, strict=True):
        assert difference(part, np.where(turned != 0, turned ^ np.uint32(MIRROR_BITS), 0).astype(np.uint32)) < 0.02
    assert MIRROR_BITS & LEFT_RIGHT_BIT


def test_stillness_and_black_are_no_evidence() -> None:
    noise = np.random.default_rng(0)
    still = wandering_blobs(1)[0]
    look, movement = words(
        frame_hashes([np.clip(still + noise.normal(0, 2, still.shape), 0, 255).astype(np.uint8) for _ in range(40)])
    )
    assert look.all()
    assert not movement.any()
    assert not any(frame_hashes([noise.integers(0, 3, still.shape).astype(np.uint8) for _ in range(40)]))


def through_aac(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    file = io.BytesIO()
    with av.open(file, "w", format="adts") as container:
        stream = container.add_stream("aac", rate=16_000, layout="mono", bit_rate=32_000)
        frame = av.AudioFrame.from_ndarray(samples[None], format="fltp", layout="mono")
        frame.sample_rate = 16_000
        container.mux([*stream.encode(frame), *stream.encode(None)])
    with av.open(io.BytesIO(file.getvalue())) as container:
        decoded = np.concatenate([frame.to_ndarray()[0] for frame in container.decode(audio=0)])
    return np.asarray(decoded[1024 : 1024 + len(samples)], np.float32)  # the encoder's delay


def sound_words(samples: NDArray[np.float32]) -> NDArray[np.uint32]:
    return np.array(audio_fingerprint(samples), np.int32).view(np.uint32)


def test_sound_outlives_aac_flac_gain_and_half_a_step_of_shift() -> None:
    samples = voice(6.0)
    here = sound_words(samples)
    with av.open(io.BytesIO(encode_flac(samples))) as container:
        flac = np.concatenate([frame.to_ndarray().ravel() for frame in container.decode(audio=0)])
    assert difference(here, sound_words(np.float32(0.25) * samples)) == 0
    assert difference(here, sound_words((flac / 2.0**15).astype(np.float32))) < 0.04
    assert difference(here, sound_words(through_aac(samples))) < 0.2
    shifted = sound_words(samples[512:])
    assert difference(here[: len(shifted)], shifted) < 0.2
    assert difference(here, sound_words(voice(6.0, seed=1))) > 0.35


def test_silence_is_no_evidence_and_too_short_is_none() -> None:
    quiet = np.random.default_rng(0).normal(0, 1e-5, 48_000).astype(np.float32)
    assert not any(audio_fingerprint(np.zeros(48_000, np.float32)))
    assert not any(audio_fingerprint(quiet))
    assert audio_fingerprint(np.zeros(8_000, np.float32)) == []
    spoken = sound_words(np.concatenate([voice(3.0), quiet]))
    assert spoken[:20].all()
    assert not spoken[-20:].any()
