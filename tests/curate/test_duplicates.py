"""Which clips are copies of one another: found among many, at any shift, and never by stillness or silence."""

import time
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from curate.candidates import candidate_pairs
from curate.duplicates import Fingerprints, clusters, compare, fingerprints, keep_one, near_duplicates
from curate.errors import MediaError
from curate.fingerprints import audio_fingerprint, frame_hashes
from curate.media import read_audio, read_frames
from curate.media_writing import write_video

Words = NDArray[np.uint32]


class Made:
    """Clips of random words, to be copied in parts and with errors."""

    def __init__(self, seed: int = 0) -> None:
        self.generator = np.random.default_rng(seed)
        self.rows: list[tuple[float, Words, Words, Words, NDArray[np.float32]]] = []

    def random(self, n: int) -> Words:
        return self.generator.integers(1, 2**32, n, dtype=np.uint32)

    def person(self) -> NDArray[np.float32]:
        vector = self.generator.normal(size=128)
        return (vector / np.linalg.norm(vector)).astype(np.float32)

    def with_errors(self, words: Words, share: float) -> Words:
        wrong = self.generator.random((len(words), 32)) < share
        flipped = words ^ np.packbits(wrong, axis=1).view(">u4")[:, 0].astype(np.uint32)
        return np.where(words != 0, flipped, 0).astype(np.uint32)

    def clip(self, *, seconds: float = 8.0, **given: Words | NDArray[np.float32]) -> int:
        """Add a clip; what isn't given is random."""
        pictures, sounds = round(5 * seconds), round(seconds / 0.064) - 12
        look = given.get("look", self.random(pictures))
        movement = given.get("movement", self.random(pictures))
        sound, identity = given.get("sound", self.random(sounds)), given.get("identity", self.person())
        self.rows.append((seconds, look, movement, sound, identity))  # type: ignore[arg-type]
        return len(self.rows) - 1

    def copy(self, clip: int, *, first_s: float = 0.0, seconds: float = 8.0, **given: Words) -> int:
        """Add a part of a clip with the errors of a bad copy, but for what is given."""
        _, look, movement, sound, identity = self.rows[clip]
        pictures = slice(round(5 * first_s), round(5 * (first_s + seconds)))
        sounds = slice(round(first_s / 0.064), round((first_s + seconds) / 0.064))
        copied = {
            "look": self.with_errors(look[pictures], 0.08),
            "movement": self.with_errors(movement[pictures], 0.2),
            "sound": self.with_errors(sound[sounds], 0.1),
            "identity": identity,
        }
        return self.clip(seconds=seconds, **{**copied, **given})

    def fingerprints(self) -> Fingerprints:
        def ragged(rows: list[Words]) -> tuple[Words, NDArray[np.int64]]:
            return np.concatenate(rows), np.cumsum([0, *map(len, rows)])

        look, offsets = ragged([row[1] for row in self.rows])
        movement, _ = ragged([row[2] for row in self.rows])
        sound, sound_offsets = ragged([row[3] for row in self.rows])
        hashes = (look.astype(np.uint64) << np.uint64(32) | movement).view(np.int64)
        return fingerprints(
            duration_s=np.array([row[0] for row in self.rows]),
            frame_hashes=(hashes, offsets),
            audio_fingerprint=(sound.view(np.int32), sound_offsets),
            identity=np.stack([row[4] for row in self.rows]),
        )

    def ends(self) -> set[tuple[int, int]]:
        return {(pair.a, pair.b) for pair in near_duplicates(self.fingerprints())}


def test_a_part_of_a_clip_is_found_among_strangers_with_its_shift() -> None:
    made = Made()
    originals = [made.clip() for _ in range(200)]
    part = made.copy(originals[17], first_s=2.6, seconds=5.0)
    (pair,) = near_duplicates(made.fingerprints())
    assert (pair.a, pair.b, pair.by) == (17, part, "picture")
    assert pair.shift_s == pytest.approx(2.6, abs=0.1)
    assert pair.overlap_s == pytest.approx(5.0, abs=0.1)
    assert pair.movement == pytest.approx(0.2, abs=0.04)
    assert pair.sound == pytest.approx(0.1, abs=0.03)
    assert pair.identity == pytest.approx(1.0, abs=1e-5)


def test_the_rule() -> None:
    made = Made()
    clip = made.clip()
    dubbed = made.copy(clip, sound=made.random(113))
    reframed = made.copy(clip, look=made.random(40), movement=made.random(40))
    assert made.ends() >= {(clip, dubbed), (clip, reframed)}

    made = Made(1)
    clip = made.clip()
    made.copy(clip, look=made.random(40), movement=made.random(40), identity=made.person())  # type: ignore[arg-type]
    made.copy(clip, movement=made.random(40), sound=made.random(113))
    assert made.ends() == set(), "another face with that voice, and another moment of that scene, are no copies"


def test_common_words_link_nobody() -> None:
    """Stillness, silence, and a hum or a title card that two hundred clips share for a second."""
    made = Made()
    hum, card = made.random(1)[0], made.random(1)[0]
    for _ in range(200):
        clip = made.clip()
        _, look, movement, sound, _ = made.rows[clip]
        look[:10], movement[:10], sound[:20] = card, 0, hum
        sound[60:] = 0
    assert made.ends() == set()
    still = Made(1)
    face = still.person()
    for _ in range(20):
        still.clip(
            look=np.full(40, 77, np.uint32),
            movement=np.zeros(40, np.uint32),
            sound=np.zeros(113, np.uint32),
            identity=face,
        )
    assert still.ends() == set()


def test_a_clip_copied_hundreds_of_times_is_kept_once() -> None:
    made = Made()
    clip = made.clip(seconds=9.0)
    for _ in range(300):
        made.copy(clip, seconds=8.0)
    marks = made.fingerprints()
    pairs = near_duplicates(marks)
    assert set(clusters(301, pairs)) == {0}
    duplicates = keep_one(marks, pairs, sharpness=np.zeros(301))
    assert {kept for kept, _ in duplicates.values()} == {clip}
    assert len(duplicates) == 300


def test_which_is_kept() -> None:
    made = Made()
    short = made.clip(seconds=6.0)
    _, look, movement, sound, identity = made.rows[short]
    longer = made.clip(
        seconds=8.0,
        look=np.concatenate([look, made.random(10)]), movement=np.concatenate([movement, made.random(10)]),
        sound=np.concatenate([sound, made.random(31)]), identity=identity,
    )  # fmt: skip
    twin = made.copy(longer)
    window = made.copy(longer, first_s=5.0, seconds=3.0)
    beyond = made.clip(  # holds the last two seconds of the longer one and goes on
        look=np.concatenate([made.rows[longer][1][30:], made.random(30)]),
        movement=np.concatenate([made.rows[longer][2][30:], made.random(30)]), identity=identity,
    )  # fmt: skip
    marks = made.fingerprints()
    pairs = near_duplicates(marks)
    assert len(set(clusters(5, pairs).tolist())) == 1
    kept = keep_one(marks, pairs, sharpness=np.array([9.0, 1.0, 2.0, 9.0, 0.0]))
    assert {clip: of for clip, (of, _) in kept.items()} == {short: twin, longer: twin, window: twin}
    assert beyond not in kept, "most of it is its own"


def test_the_search_does_not_grow_with_the_square() -> None:
    """A hundred times the clips may give a few more chance meetings, not ten thousand times as many."""
    made = Made()
    for _ in range(3000):
        made.clip(seconds=4.0)
    marks = made.fingerprints()
    started = time.perf_counter()
    assert len(candidate_pairs(marks.sound)) < 100
    assert len(candidate_pairs(marks.look)) < 100
    assert time.perf_counter() - started < 30


def real_clip(
    path: Path, *, first: int, end: int, size: int
) -> tuple[list[NDArray[np.uint8]], NDArray[np.float32] | None]:
    pictures = []
    for frame in read_frames(path, width=512, start_s=first / 25, end_s=end / 25):
        side = min(frame.image.shape[:2])
        pictures.append(cv2.resize(frame.image[:side, :side], (size, size), interpolation=cv2.INTER_AREA))
    try:
        return pictures, read_audio(path, sample_rate_hz=16_000, start_s=first / 25, end_s=end / 25)
    except MediaError:
        return pictures, None


REAL = [
    "studio_man_blue.mp4",
    "senator_office.mp4",
    "woman_driving.mp4",
    "phone_woman.mp4",
    "grimaces_d6.mp4",
    "two_people.mp4",
] + [f"vasa_{name}.mp4" for name in ("3", "5", "7", "9", "10", "11", "l2", "l3")]


def test_real_clips_and_their_copies(media_folder: Path, tmp_path: Path) -> None:
    """Copies of real talking heads (trimmed off the grid, small and coarse, shifted, mirrored) are found; other clips,
    and two parts of one clip, are not."""
    made = Made()
    parts: list[tuple[int, int]] = []
    copies: set[tuple[int, int]] = set()

    def add(pictures: list[NDArray[np.uint8]], sound: NDArray[np.float32] | None, person: NDArray[np.float32]) -> int:
        hashes = np.array(frame_hashes(pictures), np.int64).view(np.uint64)
        words = np.array([] if sound is None else audio_fingerprint(sound), np.int32).view(np.uint32)
        return made.clip(
            seconds=len(pictures) / 25, look=(hashes >> np.uint64(32)).astype(np.uint32),
            movement=hashes.astype(np.uint32), sound=words, identity=person,
        )  # fmt: skip

    for name in REAL:
        person = made.person()
        pictures, sound = real_clip(media_folder / name, first=0, end=150, size=256)
        original = add(pictures, sound, person)
        parts.append((original, add(*real_clip(media_folder / name, first=150, end=225, size=256), person)))
        coarse = [cv2.resize(p, (128, 128), interpolation=cv2.INTER_AREA) for p in pictures[12:]]
        write_video(tmp_path / name, coarse, crf=34)
        again = [frame.image for frame in read_frames(tmp_path / name)]
        shifted = [cv2.resize(p[2:123, 4:125], (512, 512)) for p in again]
        copies.add((original, add(again, None, made.person())))
        heard = None if sound is None else np.float32(0.5) * sound[12 * 640 :]
        copies.add((original, add(shifted, heard, made.person())))
        copies.add((original, add([p[:, ::-1].copy() for p in again], None, made.person())))
    found = made.ends()
    missed = {(REAL[a // 5], b - a) for a, b in copies - found}
    assert missed <= {("phone_woman.mp4", 3)}, "one of 42 copies, shifted by 5 %, is beyond the thresholds"
    family = {clip: place for place, (clip, _) in enumerate(parts)}
    of = [max(family[start] for start in family if start <= clip) for clip in range(len(made.rows))]
    assert all(of[a] == of[b] for a, b in found), "two different clips were taken for copies"
    assert not found & set(parts), "two parts of one clip were taken for copies"
    marks = made.fingerprints()
    strangers = np.array([(one, other) for (one, _), (other, _) in pairwise(parts)])
    assert compare(marks, strangers[:, 0], strangers[:, 1]) == []
