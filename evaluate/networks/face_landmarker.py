"""MediaPipe's Face Landmarker: 478 points and 52 blendshapes of a face, from the tflite models in its task archive.

Source: mediapipe/tasks/cc/vision/face_landmarker (the graphs' constants); face_landmarker.task, Apache-2.0.
"""

from __future__ import annotations

import tempfile
import zipfile
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from curate import weights
from curate.errors import WeightsError
from curate.faces.litert import load_interpreter
from curate.mesh import Roi, roi_of_mesh

WEIGHTS = "face_landmarker"
LANDMARKS, BLENDSHAPES = "face_landmarks_detector.tflite", "face_blendshapes.tflite"
MAX_MODEL_BYTES = 16 << 20  # the largest is 2.6 MB
N_MESH, N_POINTS = 468, 478  # the last ten points are the irises
INPUT_PX = 256

# kBlendshapeNames of face_blendshapes_graph.cc, the order of the model's output
BLENDSHAPE_NAMES = (
    *("_neutral", "browDownLeft", "browDownRight", "browInnerUp", "browOuterUpLeft", "browOuterUpRight", "cheekPuff"),
    *("cheekSquintLeft", "cheekSquintRight", "eyeBlinkLeft", "eyeBlinkRight", "eyeLookDownLeft", "eyeLookDownRight"),
    *("eyeLookInLeft", "eyeLookInRight", "eyeLookOutLeft", "eyeLookOutRight", "eyeLookUpLeft", "eyeLookUpRight"),
    *("eyeSquintLeft", "eyeSquintRight", "eyeWideLeft", "eyeWideRight", "jawForward", "jawLeft", "jawOpen", "jawRight"),
    *("mouthClose", "mouthDimpleLeft", "mouthDimpleRight", "mouthFrownLeft", "mouthFrownRight", "mouthFunnel"),
    *("mouthLeft", "mouthLowerDownLeft", "mouthLowerDownRight", "mouthPressLeft", "mouthPressRight", "mouthPucker"),
    *("mouthRight", "mouthRollLower", "mouthRollUpper", "mouthShrugLower", "mouthShrugUpper", "mouthSmileLeft"),
    *("mouthSmileRight", "mouthStretchLeft", "mouthStretchRight", "mouthUpperUpLeft", "mouthUpperUpRight"),
    *("noseSneerLeft", "noseSneerRight"),
)
# kLandmarksSubsetIdxs of face_blendshapes_graph.cc: the 146 points that the blendshape model reads
# fmt: off
BLENDSHAPE_POINTS = (
    0, 1, 4, 5, 6, 7, 8, 10, 13, 14, 17, 21, 33, 37, 39, 40, 46, 52, 53, 54, 55, 58, 61, 63, 65, 66, 67, 70, 78, 80,
    81, 82, 84, 87, 88, 91, 93, 95, 103, 105, 107, 109, 127, 132, 133, 136, 144, 145, 146, 148, 149, 150, 152, 153,
    154, 155, 157, 158, 159, 160, 161, 162, 163, 168, 172, 173, 176, 178, 181, 185, 191, 195, 197, 234, 246, 249, 251,
    263, 267, 269, 270, 276, 282, 283, 284, 285, 288, 291, 293, 295, 296, 297, 300, 308, 310, 311, 312, 314, 317, 318,
    321, 323, 324, 332, 334, 336, 338, 356, 361, 362, 365, 373, 374, 375, 377, 378, 379, 380, 381, 382, 384, 385, 386,
    387, 388, 389, 390, 397, 398, 400, 402, 405, 409, 415, 454, 466, *range(468, 478),
)
# fmt: on


def face_points(image: NDArray[np.uint8], *, near: NDArray[np.float32]) -> NDArray[np.float32]:
    """Fit the 478 points (478, 3), px of an (H, W, 3) RGB picture, to the face whose mesh (468, 3) is `near`.

    The square to look at is laid around a mesh as MediaPipe does from one video frame to the next, then again around
    the first fit: so 4 px in `near` move the scores by 0.0025 in the mean, and by 0.010 without the second fit.
    """
    first = _fit(image, roi_of_mesh(near))
    return _fit(image, roi_of_mesh(first[:N_MESH]))


def blendshapes(points: NDArray[np.float32]) -> NDArray[np.float32]:
    """The 52 scores in [0, 1], named by BLENDSHAPE_NAMES, of points (478, 3) in px; left is the subject's left."""
    chosen = points[list(BLENDSHAPE_POINTS), :2]
    return np.asarray(_run(BLENDSHAPES, chosen)[0], np.float32).reshape(len(BLENDSHAPE_NAMES))


def read_member(archive: Path, member: str) -> bytes:
    """One file of a task archive, by its exact name; WeightsError unless it is a tflite model of a sane size."""
    try:
        with zipfile.ZipFile(archive) as task, task.open(member) as file:
            content = file.read(MAX_MODEL_BYTES + 1)
    except (zipfile.BadZipFile, KeyError, NotImplementedError, RuntimeError, EOFError) as error:
        raise WeightsError(f"{archive} is no task archive that holds {member}: {error}") from error
    if len(content) > MAX_MODEL_BYTES or content[4:8] != b"TFL3":
        raise WeightsError(f"{member} in {archive} is no tflite model of at most {MAX_MODEL_BYTES} bytes")
    return content


def _fit(image: NDArray[np.uint8], roi: Roi) -> NDArray[np.float32]:
    to_square = _to_square(roi)
    square = cv2.warpAffine(
        image, to_square, (INPUT_PX, INPUT_PX), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    raw = _run(LANDMARKS, np.multiply(square, np.float32(1 / 255)))[0].reshape(N_POINTS, 3)
    to_picture = cv2.invertAffineTransform(to_square)
    flat = raw[:, :2] @ to_picture[:, :2].T + to_picture[:, 2]
    depth = raw[:, 2:] * (roi.side / INPUT_PX)
    return np.concatenate([flat, depth], axis=1).astype(np.float32)


def _to_square(roi: Roi) -> NDArray[np.float64]:
    """The (2, 3) transform from the picture to the model's upright square."""
    transform = np.asarray(cv2.getRotationMatrix2D((roi.x, roi.y), roi.angle_deg, INPUT_PX / roi.side), np.float64)
    transform[:, 2] += INPUT_PX / 2 - np.asarray((roi.x, roi.y))
    return transform


@cache
def _interpreter(member: str) -> Any:
    with tempfile.TemporaryDirectory() as scratch:  # a mapped file lives on after its name is gone
        model = Path(scratch) / member
        model.write_bytes(read_member(weights.path(WEIGHTS), member))
        return load_interpreter(model)


def _run(member: str, values: NDArray[np.float32]) -> list[NDArray[np.float32]]:
    interpreter = _interpreter(member)
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], values[None])
    interpreter.invoke()
    return [interpreter.get_tensor(output["index"]) for output in interpreter.get_output_details()]
