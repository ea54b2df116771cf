"""The face landmarker against MediaPipe itself, and against archives that are not what they say."""

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from curate import weights
from curate.errors import WeightsError
from curate.mesh import mouth_aperture
from evaluate.features.expression_blendshape_52 import expression_blendshape_52
from evaluate.networks import face_landmarker
from evaluate.observation import Face, Observation

FACE_HEIGHT = 0.006  # MediaPipe resamples with another kernel, and its tracking stops where its threshold lets it
MEAN_SCORE = 0.01  # MediaPipe's own still and video modes differ by 0.008 to 0.035 on these clips


@pytest.fixture(scope="module")
def task(face_weights: None) -> Path:
    try:
        return weights.path(face_landmarker.WEIGHTS)
    except WeightsError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module", params=["radio_clip_2s.mp4", "emo_talk_emotion.mp4"])
def observation(request: pytest.FixtureRequest, media_folder: Path, task: Path) -> Observation:
    return Observation(media=media_folder / str(request.param), max_frames=16)


def test_points_and_scores_are_those_of_mediapipes_video_mode(observation: Observation, task: Path) -> None:
    ours = expression_blendshape_52(observation)
    assert ours.shape == (len(observation.faces), 52)
    for face, scores in list(zip(observation.faces, ours, strict=True))[::5]:
        theirs, their_scores, names = by_mediapipe(task, face)
        points = face_landmarker.face_points(face.picture.image, near=face.points)
        height = float(np.ptp(theirs[:, 1]))
        assert np.abs(points - theirs)[:, :2].max() < FACE_HEIGHT * height
        assert np.abs(points - theirs)[:, 2].max() < 0.03 * height
        assert np.abs(scores - their_scores).mean() < MEAN_SCORE
        assert np.abs(scores - their_scores).max() < 0.1
        assert names == face_landmarker.BLENDSHAPE_NAMES
        assert face_landmarker.blendshapes(theirs) == pytest.approx(their_scores, abs=1e-5)


def by_mediapipe(task: Path, face: Face) -> tuple[NDArray[np.float32], NDArray[np.float32], tuple[str, ...]]:
    """Points, scores and names that MediaPipe settles on when it is shown the same picture ten times over."""
    mediapipe: Any = pytest.importorskip("mediapipe", reason="the oracle is not installed: pip install mediapipe")
    tasks, vision = mediapipe.tasks, mediapipe.tasks.vision
    options = vision.FaceLandmarkerOptions(
        base_options=tasks.BaseOptions(model_asset_path=str(task)),
        output_face_blendshapes=True,
        running_mode=vision.RunningMode.VIDEO,
    )
    image = np.ascontiguousarray(face.picture.image)
    height, width = image.shape[:2]
    picture = mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=image)
    with vision.FaceLandmarker.create_from_options(options) as landmarker:
        for index in range(10):
            found = landmarker.detect_for_video(picture, 40 * index)
    points = [(point.x * width, point.y * height, point.z * width) for point in found.face_landmarks[0]]
    scores = found.face_blendshapes[0]
    names = tuple(score.category_name for score in scores)
    return np.array(points, np.float32), np.array([score.score for score in scores], np.float32), names


def test_scores_do_not_depend_on_the_faces_place_and_size(observation: Observation) -> None:
    points = face_landmarker.face_points(observation.faces[0].picture.image, near=observation.faces[0].points)
    moved = (2 * points + np.float32(64)).astype(np.float32)
    assert face_landmarker.blendshapes(moved) == pytest.approx(face_landmarker.blendshapes(points), abs=1e-4)


def test_the_jaw_is_open_where_the_mesh_opens_its_mouth(observation: Observation) -> None:
    jaw = expression_blendshape_52(observation)[:, face_landmarker.BLENDSHAPE_NAMES.index("jawOpen")]
    apertures = [mouth_aperture(face.points) for face in observation.faces]
    assert jaw[np.argmax(apertures)] > jaw[np.argmin(apertures)] + 0.05


def archive(folder: Path, content: bytes, *, name: str = face_landmarker.LANDMARKS) -> Path:
    with zipfile.ZipFile(folder / "made.task", "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr(name, content)
    return folder / "made.task"


def test_a_model_is_read_whole(tmp_path: Path) -> None:
    model = b"\0\0\0\0TFL3" + bytes(1000)
    assert face_landmarker.read_member(archive(tmp_path, model), face_landmarker.LANDMARKS) == model


@pytest.mark.parametrize(
    "content", [b"\0\0\0\0TFL3" + bytes(face_landmarker.MAX_MODEL_BYTES), b"MZ" + bytes(1000), b""]
)
def test_a_bomb_or_no_model_is_refused(content: bytes, tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="no tflite model"):
        face_landmarker.read_member(archive(tmp_path, content), face_landmarker.LANDMARKS)


def test_another_archive_or_no_archive_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="holds face_landmarks_detector"):
        face_landmarker.read_member(archive(tmp_path, b"x", name="../x"), face_landmarker.LANDMARKS)
    (tmp_path / "text.task").write_text("not a zip")
    with pytest.raises(WeightsError, match="no task archive"):
        face_landmarker.read_member(tmp_path / "text.task", face_landmarker.LANDMARKS)
