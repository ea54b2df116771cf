"""The best and the worst clips of every system, to be played beside their reference, with mouth and sound over time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from curate.media import CORPUS_FPS
from curate.page import Drawing, Section, Video
from curate.previews import LONGEST_S, PreviewTask
from evaluate.measure import Measured
from evaluate.report_drawings import Curve, curve_plot
from evaluate.results import Result
from evaluate.system import REFERENCE, System

Clip = tuple[str, str]  # the name of its set and its own

RANKINGS = ("sync_correlation_peak", "identity_mean")  # per-clip columns: the first one that some clip has
ENDS, FEW_SYSTEMS = 2, 4  # clips from either end of the ranking, half as many where there are more systems
PREVIEW_BYTES = 12 << 20  # of mp4: a third more in the page
DRAWN_S = 10.0


@dataclass(frozen=True, kw_only=True)
class Ranking:
    """The number that clips are ranked by: its column and its metric's title, and which way is better."""

    column: str
    title: str
    higher_is_better: bool


@dataclass(frozen=True, kw_only=True)
class Ranked:
    """A clip of a system at its `place` (from 1) of `total`, with the reference clip of its stem if there is one."""

    system: str
    clip: Measured
    value: float
    place: int
    total: int
    reference: Measured | None


def clips_to_show(systems: Sequence[System]) -> list[Clip]:
    """The clips that the report plays, as (set, clip name): generated ones, each before its reference if paired."""
    shown = [ranked for system in systems for ranked in _ends(systems, system)]
    return list(dict.fromkeys(clip for ranked in shown for clip in _pair(ranked)))


def preview_tasks(systems: Sequence[System], places: Mapping[Clip, Path]) -> dict[Clip, PreviewTask]:
    """What to cut for `write_report`: the first seconds, which a pair has in common, of the clips that are files."""
    wanted = [clip for clip in clips_to_show(systems) if clip in places]
    return {
        clip: PreviewTask(clip_id=f"{number:06d}", source=places[clip], start_s=0.0, end_s=LONGEST_S)
        for number, clip in enumerate(wanted)
    }


def clips_section(
    systems: Sequence[System], *, places: Mapping[Clip, Path], previews: Mapping[Clip, bytes]
) -> list[Section]:
    """Play and draw the ends of every system's ranking; no section where no clip has a number to rank by."""
    ranking = _ranking(systems)
    if ranking is None:
        return []
    shown = {system.name: _ends(systems, system) for system in systems}
    fitting = _that_fit(clips_to_show(systems), previews)
    is_paired = any(ranked.reference is not None for ends in shown.values() for ranked in ends)
    parts = [
        Section(
            title=_title(ranked),
            drawings=_drawings(ranked),
            videos=[_video(clip, places, fitting, previews) for clip in _pair(ranked)],
        )
        for ends in shown.values()
        for ranked in ends
    ]
    return [Section(title="Best and worst clips", text=_text(ranking, shown, is_paired), parts=parts)]


def _ranking(systems: Sequence[System]) -> Ranking | None:
    for column in RANKINGS:
        result = next((result for system in systems for result in system.results if result.per_clip.get(column)), None)
        if result is not None:
            return Ranking(column=column, title=result.title, higher_is_better=bool(result.higher_is_better))
    return None


def _ends(systems: Sequence[System], system: System) -> list[Ranked]:
    """The best and the worst of the system's clips, best first; all of them where they are few."""
    ranking = _ranking(systems)
    values = {} if ranking is None else _numbers(system.results, ranking.column)
    turn = 1.0 if ranking is None or ranking.higher_is_better else -1.0
    ordered = sorted(values, key=lambda name: (-turn * values[name], name))
    count = ENDS if len(systems) <= FEW_SYSTEMS else ENDS // 2
    chosen = ordered if len(ordered) <= 2 * count else [*ordered[:count], *ordered[-count:]]
    clips = {clip.name: clip for clip in system.sets.generated}
    real = {clip.stem: clip for clip in system.sets.reference}
    return [
        Ranked(
            system=system.name,
            clip=clips[name],
            value=values[name],
            place=ordered.index(name) + 1,
            total=len(ordered),
            reference=real.get(clips[name].stem),
        )
        for name in chosen
    ]


def _numbers(results: Sequence[Result], column: str) -> dict[str, float]:
    found = next((result.per_clip[column] for result in results if column in result.per_clip), {})
    return {name: value for name, value in found.items() if isinstance(value, float) and np.isfinite(value)}


def _pair(ranked: Ranked) -> list[Clip]:
    real = [] if ranked.reference is None else [(REFERENCE, ranked.reference.name)]
    return [(ranked.system, ranked.clip.name), *real]


def _that_fit(clips: Sequence[Clip], previews: Mapping[Clip, bytes]) -> set[Clip]:
    """The first previews that together stay within the page's bound."""
    fitting, total = set[Clip](), 0
    for clip in clips:
        total += len(previews.get(clip, b""))
        if clip in previews and total <= PREVIEW_BYTES:
            fitting.add(clip)
    return fitting


def _title(ranked: Ranked) -> str:
    word = {1: " (best)", ranked.total: " (worst)"}.get(ranked.place, "") if ranked.total > 1 else ""
    return f"{ranked.system}, {ranked.clip.name}: {ranked.value:.3g}, rank {ranked.place} of {ranked.total}{word}"


def _text(ranking: Ranking, shown: Mapping[str, Sequence[Ranked]], is_paired: bool) -> str:
    way = "higher" if ranking.higher_is_better else "lower"
    lines = [
        f"Ranked by {ranking.title} ({ranking.column}, {way} is better), the two ends of every system's ranking; a "
        f"clip without that number has no rank. The videos are their first {LONGEST_S:g} s, small."
    ]
    if not is_paired:
        lines.append("No generated clip shares its name with a reference clip, so none stands beside one.")
    if missing := [name for name, ends in shown.items() if not ends]:
        lines.append(f"Without a ranked clip: {', '.join(missing)}.")
    lines.append(
        f"Drawn: the opening of the mouth (blue line) over the loudness of the sound (area), the first {DRAWN_S:g} s "
        "of the face's track, each on a scale of its own. Where it speaks in sync, the two move together; a mouth "
        "that moves where there is no sound, or rests where there is, is a fault to see."
    )
    return "\n".join(lines)


def _drawings(ranked: Ranked) -> list[Drawing]:
    if ranked.reference is None:
        return _mouth_and_sound("", ranked.clip)
    return [*_mouth_and_sound(ranked.system, ranked.clip), *_mouth_and_sound(REFERENCE, ranked.reference)]


def _mouth_and_sound(title: str, clip: Measured) -> list[Drawing]:
    """One drawing, or none where no face was tracked."""
    series = {name: values[: round(DRAWN_S * CORPUS_FPS)] for name, values in clip.series.items()}
    if "mouth_aperture" not in series:
        return []
    curves = [Curve(words="mouth", values=series["mouth_aperture"], colour="accent")]
    if "envelope_db" in series:
        curves.insert(0, Curve(words="sound", values=series["envelope_db"], colour="refused", style="area"))
    note = "" if "envelope_db" in series else "no sound"
    seconds = len(series["mouth_aperture"]) / CORPUS_FPS
    return [curve_plot(curves, seconds=seconds, title=title, note=note, shape="wide")]


def _video(clip: Clip, places: Mapping[Clip, Path], fitting: set[Clip], previews: Mapping[Clip, bytes]) -> Video:
    caption = f"{clip[0]}: {clip[1]}"
    if clip in fitting:
        return Video(source=previews[clip], caption=caption)
    absent = "no preview could be made" if clip in places else "no file of its own: it lies in a corpus' shard"
    return Video(source=None, caption=caption, absent="left out: the page is full" if clip in previews else absent)
