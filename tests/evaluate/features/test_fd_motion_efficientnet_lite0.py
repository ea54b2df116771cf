"""The motion feature: moved by the order and the rate of frames, hardly by how they look."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from curate import weights
from curate.errors import WeightsError
from curate.media_writing import write_video
from evaluate.distances import frechet_distance
from evaluate.features.fd_motion_efficientnet_lite0 import (
    WINDOW_FRAMES,
    fd_motion_efficientnet_lite0,
    frame_features,
    motion,
)
from evaluate.gaussians import gaussian
from evaluate.observation import Observation
from evaluate.windows import windows

CAST = np.array([1.2, 1.0, 0.8], np.float32)
CLIPS = ("radio_clip_2s.mp4", "caption_overlay.mp4", "emo_talk_emotion.mp4")
Features = NDArray[np.float32]
Change = Callable[[Features], Features]


@pytest.fixture(scope="module")
def network() -> None:
    try:
        weights.path("efficientnet_lite0")
    except WeightsError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def real(media_folder: Path, network: None) -> tuple[Features, Features]:
    """Frames' features (windows, 16, 1280) of real clips as they are, and under a warm colour cast."""
    pairs = [window for clip in CLIPS for window in both(Observation(media=media_folder / clip, max_frames=1))]
    plain, warm = np.moveaxis(np.array(pairs, np.float32), 2, 0)
    return plain, warm


def both(observation: Observation) -> Iterator[list[tuple[Features, Features]]]:
    return windows(
        observation,
        n_frames=WINDOW_FRAMES,
        max_windows=2,
        prepare=lambda image: (frame_features(image), frame_features(warmed(image))),
    )


def warmed(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.asarray(np.clip(image * CAST, 0, 255), np.uint8)


def moved(before: Features, after: Features, *, of: Change = motion) -> float:
    return frechet_distance(*(gaussian(np.stack([of(window) for window in side])) for side in (before, after)))


def shuffled(features: Features, *, share: float) -> Features:
    """The last `share` of each window's frames in a random order."""
    first = round(WINDOW_FRAMES * (1 - share))
    order = np.r_[:first, first + np.random.default_rng(0).permutation(WINDOW_FRAMES - first)]
    return features[:, order]


def frozen(features: Features, *, share: float) -> Features:
    """The frame before the last `share` of each window, held to its end."""
    return features[:, np.minimum(np.arange(WINDOW_FRAMES), round((WINDOW_FRAMES - 1) * (1 - share)))]


@pytest.mark.parametrize("change", [shuffled, frozen])
def test_the_distance_grows_with_shuffling_and_with_freezing(
    change: Callable[..., Features], real: tuple[Features, Features]
) -> None:
    plain, _ = real
    some, more, most = (moved(plain, change(plain, share=share)) for share in (0.4, 0.7, 1.0))
    assert 0 < some < more < most


def test_a_colour_cast_moves_looks_more_than_motion(real: tuple[Features, Features]) -> None:
    plain, warm = real

    def looks(window: Features) -> Features:
        return np.asarray(window.mean(axis=0), np.float32)

    assert moved(plain, warm) < 0.5 * moved(plain, frozen(plain, share=1.0))
    assert moved(plain, warm, of=looks) > moved(plain, frozen(plain, share=1.0), of=looks)
    assert moved(plain, warm) < 0.1 * moved(plain, warm, of=looks)
    assert moved(plain, shuffled(plain, share=1.0), of=looks) == pytest.approx(0, abs=1e-4)


def test_backwards_is_the_same_and_a_still_is_zero(real: tuple[Features, Features]) -> None:
    window = real[0][0]
    assert motion(window[::-1]) == pytest.approx(motion(window), abs=1e-6)
    assert not motion(np.repeat(window[:1], WINDOW_FRAMES, axis=0)).any()


def test_one_row_a_window(
    tmp_path: Path, moving_picture: Callable[..., list[NDArray[np.uint8]]], network: None
) -> None:
    write_video(tmp_path / "clip.mp4", moving_picture(2 * WINDOW_FRAMES + 3))
    rows = fd_motion_efficientnet_lite0(Observation(media=tmp_path / "clip.mp4", max_frames=1))
    assert rows.shape == (2, 1280)
    assert rows.dtype == np.float32
    assert (rows >= 0).all()
    assert rows.any()
