"""Cuts at known frames are found there, and nowhere else."""

import cv2
import numpy as np

from curate.shots import ShotDetector


def test_hard_cuts_are_found_to_the_frame() -> None:
    generator = np.random.default_rng(0)
    scenes = [cv2.resize(generator.integers(0, 256, (6, 9, 3)).astype(np.uint8), (160, 90)) for _ in range(3)]
    detector = ShotDetector(fps=25)
    for index in range(150):
        scene = scenes[0 if index < 40 else 1 if index < 100 else 2]
        detector.feed(index, np.roll(scene, index // 10, axis=1))
    assert detector.cuts() == (40, 100)


def test_slow_motion_is_no_cut() -> None:
    ramp = np.tile(np.arange(320, dtype=np.uint8)[None, :, None], (90, 1, 3))
    detector = ShotDetector(fps=25)
    for index in range(100):
        detector.feed(index, ramp[:, index : index + 160])
    assert detector.cuts() == ()
