"""Shared fixtures: weights, real media (or a skip that says why), and small videos made on the spot."""

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from curate import weights
from curate.errors import WeightsError
from curate.media_writing import write_video

FACE_WEIGHTS = ("blazeface_full_range_sparse", "face_mesh", "dlib_face_recognition", "silero_vad")


@pytest.fixture(autouse=True, scope="session")
def _weights_folders() -> None:
    folders = [Path(place).absolute() for place in os.environ.get("EMOFORGE_WEIGHTS", "").split(os.pathsep) if place]
    weights.use_folders(folders)


@pytest.fixture(autouse=True)
def _same_weights_folders(_weights_folders: None) -> Iterator[None]:
    """Undo what a command run by a test sets: another folder, or the same one relative to another place."""
    before, cache = weights.folders()
    yield
    weights.use_folders(before, cache=cache)


@pytest.fixture(autouse=True)
def _ordinary_priority() -> Iterator[None]:
    """Take back what SVT-AV1 does as root: real-time priority for the process that opened it, and all its children."""
    yield
    if hasattr(os, "sched_setscheduler") and os.sched_getscheduler(0) != os.SCHED_OTHER:
        for task in Path("/proc/self/task").iterdir():
            with suppress(ProcessLookupError):
                os.sched_setscheduler(int(task.name), os.SCHED_OTHER, os.sched_param(0))


@pytest.fixture(scope="session")
def face_weights() -> None:
    """Skip unless the embedded face models are on this machine (make test fetches them)."""
    try:
        for name in FACE_WEIGHTS:
            weights.path(name)
    except WeightsError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def media_folder() -> Path:
    """The folder of real clips, or a skip that says how to have one."""
    place = os.environ.get("EMOFORGE_MEDIA")
    if not place or not Path(place).is_dir():
        pytest.skip("EMOFORGE_MEDIA names no folder of real clips")
    return Path(place).absolute()


@pytest.fixture(scope="session")
def portrait() -> NDArray[np.uint8]:
    """A (512, 512, 3) RGB picture with one face: the public-domain portrait that scikit-image ships."""
    from skimage import data

    return np.asarray(data.astronaut(), np.uint8)


@pytest.fixture
def moving_picture() -> Callable[..., list[NDArray[np.uint8]]]:
    """Frames whose content tells their index: a bright bar that moves 2 px a frame over noise."""

    def frames(n: int, *, height: int = 96, width: int = 128) -> list[NDArray[np.uint8]]:
        ground = np.random.default_rng(0).integers(0, 90, (height, width, 3)).astype(np.uint8)
        pictures = []
        for index in range(n):
            picture = ground.copy()
            left = (2 * index) % (width - 8)
            picture[:, left : left + 8] = 230
            pictures.append(picture)
        return pictures

    return frames


@pytest.fixture(scope="session")
def face_video(tmp_path_factory: pytest.TempPathFactory, portrait: NDArray[np.uint8]) -> Path:
    """Four seconds of the portrait under a slow pan, with a tone that comes and goes as its sound."""
    path = tmp_path_factory.mktemp("face") / "face.mp4"
    write_video(path, pan(portrait, 100), audio=pulsed_tone(4.0))
    return path


def pan(picture: NDArray[np.uint8], n: int, *, size: int = 384) -> Iterator[NDArray[np.uint8]]:
    """Yield n (size, size, 3) windows that wander over the upper part of a picture."""
    for index in range(n):
        left = round(40 + 30 * np.sin(index / 20))
        yield picture[:size, left : left + size]


def pulsed_tone(seconds: float, *, rate_hz: int = 16_000, pulse_hz: float = 3.0) -> NDArray[np.float32]:
    """Return (n,) samples of a 220 Hz tone that swells and fades `pulse_hz` times a second."""
    time_s = np.arange(round(seconds * rate_hz)) / rate_hz
    swell = 0.5 - 0.5 * np.cos(2 * np.pi * pulse_hz * time_s)
    return (0.4 * swell * np.sin(2 * np.pi * 220 * time_s)).astype(np.float32)


@pytest.fixture(scope="session")
def small_sample_corpus(tmp_path_factory: pytest.TempPathFactory, face_weights: None) -> Path:
    """A folder with videos/ (three people in sync, a text, a truncated file), portrait.png and voice.wav."""
    pytest.importorskip("espeakng_loader", reason="the sample corpus needs the extra emoforge[demo]")
    from pipelines.sample_corpus.scenes import SCENES
    from pipelines.sample_corpus.write import make_sample_corpus

    wanted = {"01_sync_ada.mp4", "03_sync_cal.mp4", "06_sync_fay.mp4", "16_truncated.mp4", "17_text.mp4"}
    folder = tmp_path_factory.mktemp("sample_corpus")
    for _ in make_sample_corpus(folder, scenes=[scene for scene in SCENES if scene.file in wanted]):
        pass
    (folder / "driving.wav").rename(folder / "voice.wav")
    return folder
