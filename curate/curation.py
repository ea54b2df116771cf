"""Curates one source: probe, analyse, cut into clips, score, select, encode, and say what became of it."""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from curate import plugins, weights
from curate.analysis import Analysis, analyse
from curate.clip_media import clip_media
from curate.encode import EncodedClip, encode_clip
from curate.errors import MediaError
from curate.media import CORPUS_FPS, Limits
from curate.records import Clip, Decision, Outcome, Source, SourceEntry, Threshold
from curate.scoring import Scores, all_score_names, score, score_names, sum_up
from curate.shards import outcome_schema
from curate.tracks import Track

REQUIRED_WEIGHTS = ("blazeface_full_range_sparse", "face_mesh", "dlib_face_recognition")


def curate_source(
    entry: SourceEntry,
    *,
    scorers: Sequence[str],
    keep: Mapping[str, Threshold],
    detector: str = "blazeface",
    analysis: Mapping[str, float] | None = None,
    max_clip_s: float = 12.0,
    size_px: int = 512,
    crf: int = 18,
    score_all: bool = False,
    limits: Limits | None = None,
) -> Outcome:
    """Return what became of the entry's video; bad media is a quarantined outcome, never an exception."""
    schema = outcome_schema(all_score_names(scorers))
    path = Path(entry.uri)
    try:
        source = identify(entry)
    except OSError as error:
        return quarantined(entry.uri, reason="unreadable", error=str(error), schema=schema)
    try:
        found = analyse(
            path, detector=partial(plugins.load("curate.faces", detector)), limits=limits, **(analysis or {})
        )
        rows = [
            _row(path, source, found, clip, scorers=scorers, keep=keep, size_px=size_px, crf=crf, score_all=score_all)
            for clip in cut_clips(source, found, max_clip_s=max_clip_s)
        ]
    except MediaError as error:
        return quarantined(entry.uri, reason=error.reason, error=str(error), schema=schema, source_id=source.source_id)
    return _outcome(source, rows, schema)


def identify(entry: SourceEntry) -> Source:
    """Return the source record of a local file; its time of retrieval is the file's own."""
    path = Path(entry.uri)
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        modified = datetime.fromtimestamp(int(path.stat().st_mtime), UTC)
    return Source(entry=entry, sha256=sha256, retrieved_at=modified.isoformat())


def cut_clips(source: Source, found: Analysis, *, max_clip_s: float = 12.0) -> list[Clip]:
    """Return one clip a face track; a track longer than `max_clip_s` is split into equal parts."""
    starts = np.asarray((0, *found.cuts))
    return [
        Clip(source_id=source.source_id, shot=int(np.searchsorted(starts, part.first, side="right")) - 1, track=part)
        for track in found.tracks
        for part in _parts(track, round(max_clip_s * found.fps))
    ]


def quarantined(uri: str, *, reason: str, error: str, schema: pa.Schema, source_id: str | None = None) -> Outcome:
    """Return the outcome of a source that could not be processed."""
    return Outcome(
        source_id=source_id,
        uri=uri,
        outcome="quarantined",
        reason=reason,
        n_clips=0,
        error=error,
        clips=schema.empty_table(),
    )


def _parts(track: Track, longest: int) -> list[Track]:
    n_parts = -(-len(track) // longest)
    bounds = np.linspace(0, len(track), n_parts + 1).round().astype(int)
    return [track.part(int(begin), int(end)) for begin, end in pairwise(bounds)]


def _outcome(source: Source, rows: list[dict[str, Any]], schema: pa.Schema) -> Outcome:
    clips = pa.Table.from_pylist(rows, schema=schema)
    return Outcome(source_id=source.source_id, uri=source.entry.uri, clips=clips, **sum_up(rows))


def _row(
    path: Path,
    source: Source,
    found: Analysis,
    clip: Clip,
    *,
    scorers: Sequence[str],
    keep: Mapping[str, Threshold],
    size_px: int,
    crf: int,
    score_all: bool,
) -> dict[str, Any]:
    media = clip_media(path, found, clip.track)
    scores, decision = score(media, scorers=scorers, keep=keep, score_all=score_all)
    last_scorer = next((s for s in reversed(scorers) if score_names(s)[0] in scores), None)
    row = _clip_values(source, clip) | scores | _decision_values(decision) | {"last_scorer": last_scorer}
    if decision.dropped_by is None:
        encoded = encode_clip(media, path, width=found.info.width, height=found.info.height, size=size_px, crf=crf)
        row |= _encoded_values(clip, encoded, size_px)
    return row


def _clip_values(source: Source, clip: Clip) -> Scores | dict[str, Any]:
    return {
        "clip_id": clip.clip_id,
        "source_id": source.source_id,
        "shot": clip.shot,
        "start_s": clip.track.start_s,
        "end_s": clip.track.end_s,
        "duration_s": len(clip.track) / clip.track.fps,
        "n_frames": len(clip.track),
        "uri": source.entry.uri,
        "licence": source.entry.licence,
        "attribution": source.entry.attribution,
        "consent_ref": source.entry.consent_ref,
        "sha256": source.sha256,
        "retrieved_at": source.retrieved_at,
        "pipeline_version": version("emoforge"),
        "weights_versions": " ".join(f"{n}@{weights.lookup(n).sha256[:8]}" for n in REQUIRED_WEIGHTS),
    }


def _decision_values(decision: Decision) -> dict[str, Any]:
    return {"dropped_by": decision.dropped_by, "dropped_detail": decision.detail}


def _encoded_values(clip: Clip, encoded: EncodedClip, size_px: int) -> dict[str, Any]:
    track, box = clip.track, encoded.box
    return {
        "fps": float(CORPUS_FPS),
        "width": size_px,
        "height": size_px,
        "n_frames": encoded.n_frames,
        "video": {"bytes": encoded.video, "path": f"{clip.clip_id}.mp4"},
        "audio": None if encoded.audio is None else {"bytes": encoded.audio, "path": f"{clip.clip_id}.flac"},
        "crop": {"left_px": box.left, "top_px": box.top, "side_px": box.side, "size_px": size_px},
        "identity": encoded.identity.tolist(),
        "face_box": encoded.boxes.tolist(),
        "face_points": encoded.points.reshape(-1, 10).tolist(),
        "yaw_deg": track.pose_deg[:, 0].tolist(),
        "pitch_deg": track.pose_deg[:, 1].tolist(),
        "roll_deg": track.pose_deg[:, 2].tolist(),
        "rotation_speed_deg": track.rotation_speed_deg.tolist(),
        "mouth_aperture": track.mouth_aperture.tolist(),
    }
