"""Reads where the pictures of an mp4 lie, from its own sample tables (ISO/IEC 14496-12, 8.5 to 8.7)."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from curate.errors import MediaError

Ints = NDArray[np.int64]

_TRACK_TABLES = (b"mdia", b"minf", b"stbl")
_ENTRY_BYTES = 8 + 78  # of the table's head, and of a visual sample entry before the boxes in it


@dataclass(frozen=True, kw_only=True, eq=False)
class PictureIndex:
    """A video's pictures in the order of decoding."""

    begins: Ints  # byte in the file
    ends: Ints
    shown_at: Ints  # number in the order of showing, from 0
    is_key: NDArray[np.bool_]
    parameters: bytes  # avcC: what an H.264 decoder must know before the first picture


def picture_index(mp4: bytes) -> PictureIndex:
    """Read the index of the H.264 video track; MediaError when it is missing, broken, or points beyond the file."""
    try:
        index = _picture_index(mp4)
    except (KeyError, IndexError, ValueError, OverflowError, struct.error) as error:
        raise MediaError("truncated", f"an MP4 of H.264 whose index is missing or broken ({error!r})") from error
    if len(index.ends) and not 0 < index.begins.min() < index.ends.max() <= len(mp4):
        raise MediaError("truncated", f"an MP4 that is cut off: {len(mp4)} bytes of {index.ends.max()}")
    return index


def _picture_index(mp4: bytes) -> PictureIndex:
    tables = _video_tables(memoryview(mp4))
    same_size, count = struct.unpack_from(">II", tables[b"stsz"], 4)
    if count * 4 > len(mp4):
        raise ValueError(f"{count} pictures")
    sizes = np.full(count, same_size, np.int64) if same_size else _numbers(tables[b"stsz"], 12)[:count]
    begins = _begins(tables, sizes)
    is_key = np.full(count, b"stss" not in tables)
    if b"stss" in tables:
        is_key[_numbers(tables[b"stss"], 8) - 1] = True
    if not is_key[:1].all():
        raise ValueError("no keyframe at the beginning")
    order = np.argsort(_times(tables, count), kind="stable")
    shown_at = np.empty(count, np.int64)
    shown_at[order] = np.arange(count)
    parameters = dict(_boxes(tables[b"stsd"][8 + _ENTRY_BYTES :]))[b"avcC"]
    return PictureIndex(
        begins=begins, ends=begins + sizes, shown_at=shown_at, is_key=is_key, parameters=bytes(parameters)
    )


def _video_tables(mp4: memoryview) -> dict[bytes, memoryview]:
    """Return the sample tables of the first video track by their names."""
    for name, track in _boxes(_inside(mp4, b"moov")):
        if name == b"trak" and bytes(_inside(track, b"mdia", b"hdlr")[8:12]) == b"vide":
            return dict(_boxes(_inside(track, *_TRACK_TABLES)))
    raise ValueError("no video track")


def _inside(content: memoryview, *path: bytes) -> memoryview:
    for name in path:
        content = dict(_boxes(content))[name]
    return content


def _boxes(content: memoryview) -> Iterator[tuple[bytes, memoryview]]:
    """Yield (name, content) of the boxes that lie one after another."""
    at = 0
    while at + 8 <= len(content):
        size, name = struct.unpack_from(">I4s", content, at)
        head = 8
        if size == 1:
            head, (size,) = 16, struct.unpack_from(">Q", content, at + 8)
        size = size or len(content) - at  # 0: to the end
        if size < head:
            raise ValueError(f"a box of {size} bytes")
        yield name, content[at + head : at + size]
        at += size


def _numbers(table: memoryview, begin: int, kind: str = ">u4") -> Ints:
    whole = begin + (len(table) - begin) // 4 * 4
    return np.frombuffer(table[begin:whole], kind).astype(np.int64)


def _begins(tables: dict[bytes, memoryview], sizes: Ints) -> Ints:
    """Return where each sample begins: samples lie one after another in chunks, whose places the file lists."""
    chunks = (
        np.frombuffer(tables[b"co64"][8:], ">u8").astype(np.int64)
        if b"co64" in tables
        else _numbers(tables[b"stco"], 8)
    )
    runs = _numbers(tables[b"stsc"], 8).reshape(-1, 3)
    runs_of = np.searchsorted(runs[:, 0], np.arange(1, len(chunks) + 1), side="right") - 1
    held = runs[runs_of, 1]
    if held.sum() != len(sizes):
        raise ValueError(f"{held.sum()} pictures in chunks, {len(sizes)} in all")
    before = np.cumsum(sizes) - sizes
    firsts = np.cumsum(held) - held
    return np.asarray(np.repeat(chunks - before[firsts], held) + before)


def _times(tables: dict[bytes, memoryview], count: int) -> Ints:
    """Return when each sample is shown, in the track's units."""
    steps = _repeated(tables[b"stts"], count)
    shift = _repeated(tables[b"ctts"], count, ">i4") if b"ctts" in tables else np.zeros(count, np.int64)
    return np.asarray(np.cumsum(steps) - steps + shift, np.int64)


def _repeated(table: memoryview, count: int, kind: str = ">u4") -> Ints:
    """Return the values of a table of (how often, value)."""
    pairs = _numbers(table, 8, kind).reshape(-1, 2)
    if pairs[:, 0].sum() != count:
        raise ValueError(f"{pairs[:, 0].sum()} times for {count} pictures")
    return np.repeat(pairs[:, 1], pairs[:, 0])
