"""Training windows a second of one core: ours, Hugging Face datasets streaming, and WebDataset, from the same clips.

    python benchmarks/window_loader.py CLIPS

CLIPS is a curated corpus, or a folder of videos of which up to 20 clips of 8 s at 512 px are cut (a minute or two).
datasets streams the Parquet shards; WebDataset reads tar files of the same mp4, FLAC and lists. Neither decodes by
itself here, so their users' ways are tried, each with PyAV on one thread and only the wanted pictures made RGB:

* from the start: decode until the last wanted frame has come; one window a clip, as in ours
* 4 windows a clip: the whole clip decoded once for four windows; ours come from all over the corpus, each by itself
* by seeking: go to the keyframe before the window, and again before the reference

All give the same: n + f frames, another frame, the sound with its margin, face mask and head speeds, in batches of 4. A
core's time is this process' CPU time, so other work on the machine hardly counts; every loader gives one batch before.
"""

import io
import itertools
import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from numpy.typing import NDArray

from curate.corpus import Corpus, is_corpus, open_corpus
from curate.errors import MediaError
from curate.media import read_audio, read_frames
from curate.media_writing import encode_flac, write_video
from curate.shards import locate_blobs, shard_schema, write_rows
from curate.sources import VIDEO_SUFFIXES
from train.dataset import Windows, face_mask
from train.speech_features import SAMPLES_A_FRAME, sound_around
from train.stages import STAGES, Stage, StageName
from train.window_reader import read_pictures

CLIPS, CLIP_S, SIDE = 20, 8.0, 512
BATCH, WINDOWS, MARGIN = 4, 40, 3
CASES: tuple[tuple[StageName, int], ...] = (("video", 512), ("video", 256), ("image", 512))
COLUMNS = ["video", "audio", "face_box", "rotation_speed_deg"]

Example = dict[str, Any]  # mp4, flac, boxes and speeds of a clip
Window = dict[str, torch.Tensor]


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """Which frames one window is made of."""

    start: int
    reference: int


def cut_corpus(videos: Path, run: Path) -> Corpus:
    """Write the middle square of some videos as clips, their boxes and speeds made up."""
    (run / "shards").mkdir(parents=True)
    files = sorted(file for file in videos.iterdir() if file.suffix.lower() in VIDEO_SUFFIXES)
    rows = list(itertools.islice(filter(None, (_clip(file, run / "clip.mp4") for file in files)), CLIPS))
    shard, schema = run / "shards" / "part-00000.parquet", shard_schema([])
    write_rows(shard, [pa.Table.from_pylist(rows, schema=schema)], schema)
    index = [
        {name: row[name] for name in ("clip_id", "source_id", "n_frames", "duration_s")}
        | {"shard": "shards/part-00000.parquet", "row": number}
        | asdict(blob)
        for number, (row, blob) in enumerate(zip(rows, locate_blobs(shard), strict=True))
    ]
    pq.write_table(pa.Table.from_pylist(index), run / "index.parquet")
    return open_corpus(run)


def _clip(file: Path, scratch: Path) -> dict[str, Any] | None:
    try:
        pictures = [_middle(frame.image) for frame in read_frames(file, end_s=CLIP_S)]
        sound = read_audio(file, end_s=len(pictures) / 25)
    except MediaError:
        return None
    if len(pictures) < CLIP_S * 25:
        return None
    n = write_video(scratch, pictures, audio=sound)
    return {
        "clip_id": file.stem, "source_id": file.stem, "n_frames": n, "duration_s": n / 25, "fps": 25.0, "width": SIDE,
        "video": {"bytes": scratch.read_bytes(), "path": "clip.mp4"},
        "audio": {"bytes": encode_flac(sound), "path": "clip.flac"},
        "face_box": [[96.0, 56.0, 416.0, 472.0]] * n, "rotation_speed_deg": [1.0] * n,
    }  # fmt: skip


def _middle(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    height, width = image.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    square = image[top : top + side, left : left + side]
    return np.asarray(cv2.resize(square, (SIDE, SIDE), interpolation=cv2.INTER_AREA), np.uint8)


def by_datasets(corpus: Corpus) -> Iterator[Example]:
    """Stream the shards' rows, endlessly, through datasets."""
    import datasets

    files = sorted({corpus.store.uri(ref.shard) for ref in corpus.clips})
    rows = datasets.load_dataset("parquet", data_files=files, split="train", streaming=True, columns=COLUMNS)
    rows = rows.cast_column("video", datasets.Video(decode=False)).cast_column("audio", datasets.Audio(decode=False))
    for row in itertools.chain.from_iterable(itertools.repeat(rows)):
        yield {
            "mp4": row["video"]["bytes"],
            "flac": row["audio"]["bytes"],
            "boxes": np.asarray(row["face_box"], np.float32),
            "speed": np.asarray(row["rotation_speed_deg"], np.float32),
        }


def write_tars(corpus: Corpus, folder: Path) -> None:
    """Write the corpus' clips as WebDataset wants them."""
    import webdataset

    with webdataset.ShardWriter(str(folder / "clips-%05d.tar"), maxcount=100, verbose=0) as tars:
        for ref in corpus.clips:
            row = corpus.row(ref, COLUMNS)
            lists = {"boxes": row["face_box"], "speed": row["rotation_speed_deg"]}
            blobs = {"mp4": row["video"]["bytes"], "flac": row["audio"]["bytes"]}
            tars.write({"__key__": ref.clip_id.replace(".", "_"), "json": json.dumps(lists).encode()} | blobs)


def by_webdataset(folder: Path) -> Iterator[Example]:
    """Read the tar files, endlessly, through WebDataset."""
    import webdataset

    tars = webdataset.WebDataset(sorted(map(str, folder.glob("*.tar"))), shardshuffle=False)
    for sample in itertools.chain.from_iterable(itertools.repeat(tars)):
        lists = {name: np.asarray(values, np.float32) for name, values in json.loads(sample["json"]).items()}
        yield {"mp4": sample["mp4"], "flac": sample["flac"]} | lists


Decode = Callable[[bytes, Wanted, int], dict[int, av.VideoFrame]]  # by the number of frames in the window
Loader = Callable[[Stage, int], Iterator[torch.Tensor]]


def _numbers(wanted: Wanted, frames: int) -> set[int]:
    return {*range(wanted.start, wanted.start + frames), wanted.reference}


def from_the_start(mp4: bytes, wanted: Wanted, frames: int) -> dict[int, av.VideoFrame]:
    """Decode until the last wanted frame has come."""
    numbers = _numbers(wanted, frames)
    with av.open(io.BytesIO(mp4), "r") as container:
        container.streams.video[0].thread_count = 1
        decoded = itertools.islice(enumerate(container.decode(video=0)), max(numbers) + 1)
        return {number: picture for number, picture in decoded if number in numbers}


def by_seeking(mp4: bytes, wanted: Wanted, frames: int) -> dict[int, av.VideoFrame]:
    """Go to the keyframe before the window, then to the one before the reference."""
    found: dict[int, av.VideoFrame] = {}
    with av.open(io.BytesIO(mp4), "r") as container:
        stream = container.streams.video[0]
        stream.thread_count = 1
        ticks = int(1 / (25 * stream.time_base)) if stream.time_base else 1
        for first, last in ((wanted.start, wanted.start + frames - 1), (wanted.reference, wanted.reference)):
            container.seek(first * ticks, stream=stream)
            for picture in container.decode(stream):
                number = (picture.pts or 0) // ticks
                if first <= number <= last:
                    found[number] = picture
                if number >= last:
                    break
    return found


def drawn(n_frames: int, stage: Stage, random: np.random.Generator) -> Wanted:
    """Draw a window and a reference that is no frame to denoise."""
    start = int(random.integers(n_frames - stage.motion_frames - stage.window_frames + 1))
    reference = int(random.integers(n_frames - stage.window_frames))
    return Wanted(start=start, reference=reference + stage.window_frames * (reference >= start + stage.motion_frames))


def peer_window(
    example: Example,
    wanted: Wanted,
    pictures: dict[int, av.VideoFrame],
    sound: NDArray[np.float32] | None,
    *,
    stage: Stage,
    size: int,
) -> Window:
    """Make a window of a clip's decoded pictures and sound."""
    frames = stage.motion_frames + stage.window_frames
    first = wanted.start + stage.motion_frames
    span = slice(wanted.start, wanted.start + frames)
    silence = np.zeros((stage.window_frames + 2 * MARGIN) * SAMPLES_A_FRAME, np.float32)
    around = {"first_frame": first, "n_frames": stage.window_frames, "margin_frames": MARGIN}
    return {
        "frames": torch.stack([_tensor(pictures[number], size) for number in range(span.start, span.stop)]),
        "reference": _tensor(pictures[wanted.reference], size),
        "face_mask": face_mask(example["boxes"][span] * np.float32(size / SIDE), size=size),
        "samples": torch.from_numpy(silence if sound is None else sound_around(sound, **around)),
        "speed": torch.from_numpy(example["speed"][span]),
    }


def _tensor(picture: av.VideoFrame, size: int) -> torch.Tensor:
    image = np.asarray(picture.to_ndarray(format="rgb24"), np.uint8)
    if size != image.shape[0]:
        image = np.asarray(cv2.resize(image, (size, size), interpolation=cv2.INTER_AREA), np.uint8)
    return torch.from_numpy(image).permute(2, 0, 1)


def peer(
    examples: Callable[[], Iterable[Example]], stage: Stage, size: int, *, decode: Decode
) -> Iterator[torch.Tensor]:
    """Yield the frames of batches with one window a clip."""
    return collated(_one_window(examples(), stage, size, decode))


def _one_window(examples: Iterable[Example], stage: Stage, size: int, decode: Decode) -> Iterator[Window]:
    random, frames = np.random.default_rng(0), stage.motion_frames + stage.window_frames
    for example in examples:
        wanted = drawn(len(example["speed"]), stage, random)
        sound = read_audio(example["flac"]) if stage.has_audio else None
        yield peer_window(example, wanted, decode(example["mp4"], wanted, frames), sound, stage=stage, size=size)


def peer_several(
    examples: Callable[[], Iterable[Example]], stage: Stage, size: int, *, windows: int
) -> Iterator[torch.Tensor]:
    """Yield the frames of batches of windows, several of each clip, which is decoded once."""
    return collated(_several_windows(examples(), stage, size, windows))


def _several_windows(examples: Iterable[Example], stage: Stage, size: int, windows: int) -> Iterator[Window]:
    random = np.random.default_rng(0)
    for example in examples:
        with av.open(io.BytesIO(example["mp4"]), "r") as container:
            container.streams.video[0].thread_count = 1
            decoded = dict(enumerate(container.decode(video=0)))
        sound = read_audio(example["flac"]) if stage.has_audio else None
        for _ in range(windows):
            wanted = drawn(len(decoded), stage, random)
            yield peer_window(example, wanted, decoded, sound, stage=stage, size=size)


def collated(windows: Iterator[Window]) -> Iterator[torch.Tensor]:
    """Yield the frames of batches of windows, of which everything is stacked."""
    while batch := list(itertools.islice(windows, BATCH)):
        yield {name: torch.stack([window[name] for window in batch]) for name in batch[0]}["frames"]


def ours(corpus: Corpus, stage: Stage, size: int) -> Iterator[torch.Tensor]:
    """Yield the frames of our batches."""
    windows = Windows(corpus, stage, image_px=size, margin_frames=MARGIN, seed=0, cached_clips=0)
    places = (range(BATCH * step, BATCH * (step + 1)) for step in itertools.count())
    return (batch.frames for batch in windows.batches(places, workers=0))


def a_second(frames: Iterator[torch.Tensor], stage: Stage, size: int) -> float:
    """Return the windows that come a second of CPU time, after a batch that warms up."""
    next(frames)
    began = time.process_time()
    for batch in itertools.islice(frames, WINDOWS // BATCH):
        assert batch.shape == (BATCH, stage.motion_frames + stage.window_frames, 3, size, size)
    return WINDOWS / (time.process_time() - began)


def check_alike(corpus: Corpus) -> None:
    """Each way to decode must give our pictures, to the rounding of their colours."""
    stage, random = STAGES["video"], np.random.default_rng(1)
    for ref in corpus.clips:
        wanted, mp4 = drawn(ref.n_frames, stage, random), corpus.video(ref)
        numbers = [*range(wanted.start, wanted.start + 16), wanted.reference]
        mine = np.zeros((17, 3, SIDE, SIDE), np.uint8)
        read_pictures(mp4, numbers, into=list(mine))
        for pictures in (from_the_start(mp4, wanted, 16), by_seeking(mp4, wanted, 16)):
            theirs = torch.stack([_tensor(pictures[number], SIDE) for number in numbers]).numpy()
            assert np.abs(mine.astype(int) - theirs).mean() < 1


def main() -> None:
    """Print the table."""
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as scratch:
        given, tars = Path(sys.argv[1]), Path(scratch) / "tars"
        corpus = open_corpus(given) if is_corpus(given) else cut_corpus(given, Path(scratch) / "run")
        tars.mkdir()
        write_tars(corpus, tars)
        check_alike(corpus)
        loaders: dict[str, Loader] = {"emoforge": partial(ours, corpus)}
        for name, examples in {
            "datasets": partial(by_datasets, corpus),
            "WebDataset": partial(by_webdataset, tars),
        }.items():
            loaders |= {
                f"{name}, from the start": partial(peer, examples, decode=from_the_start),
                f"{name}, 4 windows a clip": partial(peer_several, examples, windows=4),
                f"{name}, by seeking": partial(peer, examples, decode=by_seeking),
            }
        print_table(loaders, corpus)


def print_table(loaders: dict[str, Loader], corpus: Corpus) -> None:
    """Print the windows a second of each, and how many times that ours is, as they are measured."""
    frames = sum(ref.n_frames for ref in corpus.clips) / len(corpus.clips)
    print(f"{WINDOWS} windows of {len(corpus.clips)} clips of {frames:.0f} frames; windows a second of a core's time")
    print(f"{'':<30}" + "".join(f"{f'{stage} {size} px':>18}" for stage, size in CASES))
    mine: list[float] = []
    for name, load in loaders.items():
        speeds = [a_second(load(STAGES[stage], size), STAGES[stage], size) for stage, size in CASES]
        mine = mine or speeds
        times = [f"{speed:8.1f} ({best / speed:4.1f}x)" for speed, best in zip(speeds, mine, strict=True)]
        print(f"{name:<30}" + "".join(f"{text:>18}" for text in times), flush=True)


if __name__ == "__main__":
    main()
