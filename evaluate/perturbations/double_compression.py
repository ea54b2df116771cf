"""Encodes the pictures with H.264, decodes them, and encodes them with H.264 again, as two uploads in a row do."""

from collections.abc import Mapping

from evaluate.detection.detector import Medium
from evaluate.detection.recording import Recording
from evaluate.detection.recording_files import decoded_again
from evaluate.perturbations.h264 import h264

SEVERITIES: Mapping[str, tuple[int, int]] = {
    "crf 23 then 28": (23, 28),
    "crf 28 then 33": (28, 33),
    "crf 33 then 40": (33, 40),
}
CHANGES: tuple[Medium, ...] = ("picture",)


def double_compression(recording: Recording, level: tuple[int, int]) -> Recording:
    """Give the pictures as they come out of the first CRF of `level`, to be written with the second."""
    first, second = level
    return h264(decoded_again(h264(recording, first)), second)
