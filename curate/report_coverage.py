"""The report's part on coverage: head pose and speed, face size, clip length, and sound before and after repair."""

import logging
from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from curate.corpus import Corpus
from curate.corpus_statistics import SAMPLED_CLIPS, offset_after, repairs, sampled_frames
from curate.errors import EmoforgeError
from curate.page import Drawing, Section
from curate.report_pictures import heat_map, histogram

log = logging.getLogger(__name__)

PER_FRAME = ("yaw_deg", "pitch_deg", "rotation_speed_deg")
POSE_REACH_DEG, POSE_CELLS = 60.0, 24
NOTHING: NDArray[np.float64] = np.zeros(0)


def coverage_section(corpus: Corpus | None, kept: pd.DataFrame) -> Sequence[Section]:
    """Draw what the kept clips cover, and what repairing their sound did; nothing where none was kept."""
    if corpus is None or not len(kept):
        return []
    clips = _of_clips(kept)
    text = f"Pose and speed are of every frame of up to {SAMPLED_CLIPS} clips, spread over the corpus."
    sections = [Section(title="Coverage", text=text, drawings=[*_of_frames(corpus), *clips])]
    table = repairs(kept)
    if len(table):
        sections.append(Section(title="Sync of sound and lips", table=table, drawings=_offsets(kept)))
    return sections


def _of_frames(corpus: Corpus) -> list[Drawing]:
    try:
        frames = sampled_frames(corpus, PER_FRAME)
    except (EmoforgeError, OSError) as error:
        log.warning("the report lacks pose and speed: %s", error)
        return []
    yaw, pitch, speed = (frames[name] for name in PER_FRAME)
    drawings = []
    if len(yaw) and len(yaw) == len(pitch):
        share = np.mean((np.abs(yaw) > 30) | (np.abs(pitch) > 30))
        note = f"Degrees. {share:.1%} of the frames are over 30 of one or the other"
        drawings.append(_pose(yaw, pitch, note))
    if np.isfinite(speed).any():
        note = f"Degrees a frame. {np.mean(speed > 2):.1%} of the frames are over 2"
        drawings.append(histogram(speed, NOTHING, title="Head rotation speed", note=note))
    return drawings


def _pose(yaw: NDArray[np.float64], pitch: NDArray[np.float64], note: str) -> Drawing:
    known = np.isfinite(yaw) & np.isfinite(pitch)
    return heat_map(
        yaw[known],
        pitch[known],
        reach_x=POSE_REACH_DEG,
        reach_y=POSE_REACH_DEG,
        cells=POSE_CELLS,
        title="Head pose",
        note=note,
    )


def _of_clips(kept: pd.DataFrame) -> list[Drawing]:
    wanted = {"duration_s": ("Clip length", "Seconds"), "face_size": ("Face size", "Px of the source picture")}
    return [_drawing(kept, name, *words) for name, words in wanted.items() if _is_known(kept, name)]


def _offsets(kept: pd.DataFrame) -> list[Drawing]:
    names = {"sync_offset_before_s": "Offset before the repair", offset_after(kept): "Offset after it"}
    note = "Seconds, above 0 where the sound comes late; only clips where it can be told"
    known = {name: title for name, title in names.items() if name and _is_known(kept, name)}
    span = np.concatenate([NOTHING, *(kept[name].to_numpy(float) for name in known)])
    return [_drawing(kept, name, title, note, span) for name, title in known.items()]


def _is_known(kept: pd.DataFrame, name: str) -> bool:
    return name in kept and bool(np.isfinite(kept[name].to_numpy(float)).any())


def _drawing(kept: pd.DataFrame, name: str, title: str, note: str, span: NDArray[np.float64] | None = None) -> Drawing:
    return histogram(kept[name].to_numpy(float), NOTHING, title=title, note=note, span=span)
