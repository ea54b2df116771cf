"""Curates one source: probe, analyse, cut into clips, score, select, encode, and say what became of it."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from curate import plugins, weights
from curate.analysis import Analysis, analyse
from curate.clip_media import clip_media
from curate.encode import EncodedClip, encode_clip
from curate.errors import MediaError
from curate.face_finder import SMALL_PX
from curate.media import CORPUS_FPS, Limits
from curate.records import Arrived, Clip, Decision, Outcome, Source, SourceEntry, Status, Threshold
from curate.scoring import Scores, all_score_names, needs_audio, score, score_names, sum_up
from curate.shards import outcome_schema
from curate.spill import Spill
from curate.triage import triage
from curate.windows import choose_windows

REQUIRED_WEIGHTS = ("blazeface_full_range_sparse", "face_mesh", "dlib_face_recognition")


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Everything that decides what becomes of a source: see configs/curate.yaml for units and defaults."""

    scorers: Sequence[str]
    keep: Mapping[str, Mapping[str, Threshold]]  # by domain
    detector: str = "blazeface"
    repair_by: str | None = None
    analysis: Mapping[str, Any] = field(default_factory=dict)
    triage_gap_s: float = 12.0
    min_clip_s: float = 3.0
    max_clip_s: float = 12.0
    max_yaw_deg: float = 60.0
    size_px: int = 512
    crf: int = 18
    score_all: bool = False
    limits: Limits = field(default_factory=Limits)

    @property
    def score_names(self) -> list[str]:
        """The names of all numbers that a clip gets."""
        return all_score_names(self.scorers, repair_by=self.repair_by)

    @property
    def weights(self) -> list[str]:
        """The names of all pretrained files it needs."""
        detector = plugins.weights_of("curate.faces", [self.detector])
        return [*REQUIRED_WEIGHTS, *detector, *plugins.weights_of("curate.scorers", self.scorers)]


def curate_source(entry: SourceEntry, recipe: Recipe, *, scratch: Path, arrived: Arrived | None = None) -> Outcome:
    """Return what became of the entry's video; bad media is a quarantined outcome, never an exception.

    The outcome's clips lie in the folder `scratch`. `arrived` says where a fetched source lies; without it the entry's
    uri is a local file.
    """
    end = partial(ended, entry.uri, score_names=recipe.score_names)
    try:
        source = identify(entry, arrived)
    except OSError as error:
        return end("quarantined", reason="unreadable", error=str(error))
    file = arrived.file if arrived else Path(entry.uri)
    try:
        reason = _triaged(file, entry, recipe)
        if reason is not None:
            return end("rejected", reason=reason, source_id=source.source_id)
        found = analyse(
            file, start_s=entry.start_s, end_s=entry.end_s, limits=recipe.limits, **_looking(recipe), **recipe.analysis
        )
        decisions = []
        with Spill(scratch / "clips.parquet", outcome_schema(recipe.score_names)) as clips:
            for clip in cut_clips(source, found, recipe):
                row = _row(file, source, found, clip, recipe)
                clips.add(row)
                decisions.append({name: row[name] for name in ("dropped_by", "dropped_detail")})
    except MediaError as error:
        return end("quarantined", reason=error.reason, error=str(error), source_id=source.source_id)
    return Outcome(
        source_id=source.source_id, uri=entry.uri, clips=clips, packet_hash=found.packets_sha256, **sum_up(decisions)
    )


def identify(entry: SourceEntry, arrived: Arrived | None = None) -> Source:
    """Return the source record of a local file, or of a fetched one.

    A local file's time of retrieval is the file's own.
    """
    if arrived is not None:
        told = replace(entry, licence=arrived.licence, attribution=arrived.attribution)
        return Source(entry=told, sha256=arrived.sha256, retrieved_at=arrived.retrieved_at, rights=arrived.rights)
    path = Path(entry.uri)
    if path.exists() and not path.is_file():  # a pipe or a device would never end
        raise OSError(f"{entry.uri} is not a file")
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        modified = datetime.fromtimestamp(int(path.stat().st_mtime), UTC)
    return Source(entry=entry, sha256=sha256, retrieved_at=modified.isoformat())


def cut_clips(source: Source, found: Analysis, recipe: Recipe) -> list[Clip]:
    """Return the windows of every face track, and what lies between them, as clips."""
    starts = np.asarray((0, *found.cuts))
    return [
        Clip(source_id=source.source_id, shot=int(np.searchsorted(starts, part.first, side="right")) - 1, track=part)
        for track in found.tracks
        for part in choose_windows(
            track, min_clip_s=recipe.min_clip_s, max_clip_s=recipe.max_clip_s, max_yaw_deg=recipe.max_yaw_deg
        )
    ]


def ended(
    uri: str,
    outcome: Status,
    *,
    reason: str,
    score_names: Sequence[str],
    error: str = "",
    source_id: str | None = None,
) -> Outcome:
    """Return the outcome of a source that came to no clips."""
    return Outcome(
        source_id=source_id,
        uri=uri,
        outcome=outcome,
        reason=reason,
        n_clips=0,
        error=error,
        clips=outcome_schema(score_names).empty_table(),
    )


def _triaged(file: Path, entry: SourceEntry, recipe: Recipe) -> str | None:
    """Look at the keyframes of a whole video; a span is too short to be worth it."""
    if recipe.score_all or recipe.triage_gap_s <= 0 or entry.start_s is not None or entry.end_s is not None:
        return None
    return triage(
        file,
        needs_audio=needs_audio(recipe.scorers, recipe.keep[entry.domain]),
        max_gap_s=recipe.triage_gap_s,
        limits=recipe.limits,
        **_looking(recipe),
    )


def _looking(recipe: Recipe) -> dict[str, Any]:
    return {
        "detector": plugins.load("curate.faces", recipe.detector),
        "detector_px": plugins.constant("curate.faces", recipe.detector, "INPUT_PX", SMALL_PX),
    }


def _row(file: Path, source: Source, found: Analysis, clip: Clip, recipe: Recipe) -> dict[str, Any]:
    scored = score(
        clip_media(file, found, clip.track, size_px=recipe.size_px),
        scorers=recipe.scorers,
        keep=recipe.keep[source.entry.domain],
        score_all=recipe.score_all,
        repair_by=recipe.repair_by,
    )
    last_scorer = next((s for s in reversed(recipe.scorers) if score_names(s)[0] in scored.scores), None)
    row = _clip_values(source, clip) | scored.scores | _decision_values(scored.decision) | {"last_scorer": last_scorer}
    if scored.decision.dropped_by is None:
        row |= _encoded_values(clip, encode_clip(scored.media, crf=recipe.crf), recipe.size_px)
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
        "domain": source.entry.domain,
        "uri": source.entry.uri,
        "licence": source.entry.licence,
        "attribution": source.entry.attribution,
        "consent_ref": source.entry.consent_ref,
        "extra": json.dumps(dict(source.entry.extra), sort_keys=True) if source.entry.extra else None,
        "sha256": source.sha256,
        "retrieved_at": source.retrieved_at,
        "rights": source.rights,
        "pipeline_version": version("emoforge"),
        "weights_versions": " ".join(f"{n}@{weights.sha256(n)[:8]}" for n in REQUIRED_WEIGHTS),
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
        "frame_hashes": encoded.frame_hashes,
        "audio_fingerprint": encoded.audio_fingerprint,
        "face_box": encoded.boxes.tolist(),
        "face_points": encoded.points.reshape(-1, 10).tolist(),
        "yaw_deg": track.pose_deg[:, 0].tolist(),
        "pitch_deg": track.pose_deg[:, 1].tolist(),
        "roll_deg": track.pose_deg[:, 2].tolist(),
        "rotation_speed_deg": track.rotation_speed_deg.tolist(),
        "mouth_aperture": track.mouth_aperture.tolist(),
        "mouth_width": track.mouth_width.tolist(),
        "eye_openness": track.eye_openness.tolist(),
        "expression": track.expression.tolist(),
    }
