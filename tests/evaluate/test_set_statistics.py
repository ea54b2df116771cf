"""Sets as statistics: how a reference is parted, and files that are read back or refused whatever they hold."""

import io
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest

from curate.errors import EmoforgeError
from evaluate.distances import frechet_distance
from evaluate.set_statistics import SetStatistics, load_statistics, save_statistics, set_statistics, split
from tests.evaluate.clips import measured, random_clips

PROTOCOL = {"features": {"name": "x"}, "frames": "all"}


def stored() -> dict[str, SetStatistics]:
    halves = split(random_clips(9, seed=0), size=4, clusters={})
    return {"x": set_statistics(halves, "x", protocol=PROTOCOL), "y": set_statistics(halves[:1], "x", protocol={})}


@pytest.mark.parametrize(("size", "parts"), [(4, [16, 4]), (10, [10, 10]), (50, [10, 10]), (2, [18, 2])])
def test_the_second_part_is_as_large_as_the_generated_set_but_at_most_half(size: int, parts: list[int]) -> None:
    assert [len(part) for part in split(random_clips(20, seed=0), size=size, clusters={})] == parts


def test_no_cluster_is_in_both_parts() -> None:
    clips = random_clips(24, seed=0)
    clusters = {clip.name: str(i % 6) for i, clip in enumerate(clips)}
    first, second = split(clips, size=12, clusters=clusters)
    assert {clusters[clip.name] for clip in first} & {clusters[clip.name] for clip in second} == set()
    assert len(first) == len(second) == 12


def test_too_few_clips_stay_whole() -> None:
    assert len(split(random_clips(3, seed=0), size=2, clusters={})) == 1
    assert split([], size=4, clusters={}) == [[]]


def test_clips_of_one_cluster_are_parted_themselves() -> None:
    clips = random_clips(8, seed=0)
    assert split(clips, size=4, clusters={clip.name: "one" for clip in clips}) == split(clips, size=4, clusters={})


def test_the_parts_are_the_whole() -> None:
    clips = random_clips(9, seed=0)
    whole = set_statistics([clips], "x", protocol={}).whole
    parted = stored()["x"].whole
    assert (parted.clips, parted.count.frames) == (9, 72)
    assert frechet_distance(parted.gaussian, whole.gaussian) == 0.0


def test_a_broken_clip_is_named() -> None:
    broken = measured("bad.mp4", vectors=np.full((3, 4), np.nan))
    with pytest.raises(EmoforgeError, match=r"bad\.mp4"):
        set_statistics([[*random_clips(3, seed=0), broken]], "x", protocol={})


def test_a_file_is_read_back_to_the_last_bit(tmp_path: Path) -> None:
    save_statistics(stored(), tmp_path / "s.npz")
    read = load_statistics(tmp_path / "s.npz")
    assert [path.name for path in tmp_path.iterdir()] == ["s.npz"]
    assert list(read) == ["x", "y"]
    for name, kept in stored().items():
        assert read[name].protocol == kept.protocol
        assert [part.count for part in read[name].parts] == [part.count for part in kept.parts]
        for ours, theirs in zip(kept.parts, read[name].parts, strict=True):
            np.testing.assert_array_equal(ours.gaussian.factor, theirs.gaussian.factor)


def npz(**members: object) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, **members)  # type: ignore[arg-type]
    return buffer.getvalue()


def about(**entry: object) -> np.ndarray:
    text = {"format": 1, "features": {"x": {"protocol": {}, "clips": [3], **entry}}}
    return np.frombuffer(json.dumps(text).encode(), np.uint8)


def compressed() -> bytes:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, about=np.zeros(10**6, np.uint8))
    return buffer.getvalue()


def lying() -> bytes:
    """An array whose header promises an exabyte."""
    buffer = io.BytesIO()
    header = b"{'descr': '|u1', 'fortran_order': False, 'shape': (1152921504606846976,), }".ljust(117) + b"\n"
    with zipfile.ZipFile(buffer, "w") as file:
        file.writestr("about.npy", b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + b"x")
    return buffer.getvalue()


GAUSSIAN = {"x/0/mean": np.zeros(3), "x/0/factor": np.eye(3), "x/0/n": np.array(5)}
HOSTILE = {
    "empty": b"",
    "text": b"not a zip",
    "no members": npz(),
    "compressed": compressed(),
    "lying header": lying(),
    "pickle": npz(about=np.array([{}], object)),
    "no JSON": npz(about=np.frombuffer(b"{", np.uint8)),
    "deep JSON": npz(about=np.frombuffer(b"[" * 100_000, np.uint8)),
    "a list": npz(about=np.frombuffer(b"[]", np.uint8)),
    "another format": npz(about=np.frombuffer(b'{"format": 2, "features": {}}', np.uint8)),
    "no arrays": npz(about=about()),
    "no clips": npz(about=about(clips=[]), **GAUSSIAN),
    "negative clips": npz(about=about(clips=[-1]), **GAUSSIAN),
    "clips of text": npz(about=about(clips="3"), **GAUSSIAN),
    "a number for clips": npz(about=about(clips=3), **GAUSSIAN),
    "no protocol": npz(about=about(protocol=None), **GAUSSIAN),
    "wrong shapes": npz(about=about(), **(GAUSSIAN | {"x/0/mean": np.zeros(4)})),
    "unlike parts": npz(
        about=about(clips=[3, 3]),
        **GAUSSIAN,
        **{"x/1/mean": np.zeros(2), "x/1/factor": np.eye(2), "x/1/n": np.array(5)},
    ),
}


@pytest.mark.parametrize("content", HOSTILE.values(), ids=HOSTILE)
def test_a_file_that_holds_no_statistics_is_refused_by_name(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "s.npz").write_bytes(content)
    with pytest.raises(EmoforgeError, match=r"s\.npz holds no statistics that can be read"):
        load_statistics(tmp_path / "s.npz")


def test_what_the_hostile_files_vary_is_read(tmp_path: Path) -> None:
    (tmp_path / "s.npz").write_bytes(npz(about=about(), **GAUSSIAN))
    assert load_statistics(tmp_path / "s.npz")["x"].whole.count.frames == 5


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EmoforgeError, match="no statistics that can be read"):
        load_statistics(tmp_path / "none.npz")
