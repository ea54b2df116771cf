"""The detection report: can it be caught, by what, at which false-alarm rate, how surely; then everything behind it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from curate.page import Section, Video, render
from evaluate.detection.answers import answer
from evaluate.detection.findings import Findings, HardClip
from evaluate.report_detection_causes import (
    controls_section,
    quality_section,
    shortcuts_section,
    subgroups_section,
)
from evaluate.report_detection_curves import curves_section
from evaluate.report_detection_first import answer_sections, figures, table_section
from evaluate.report_detection_generators import comparisons_section, generators_section, unseen_section
from evaluate.report_detection_robustness import robustness_section
from evaluate.report_detection_terms import abstentions_section, attacks_section, terms_section

Clip = tuple[str, str]  # the name of its set and its own

PREVIEW_BYTES = 12 << 20  # of mp4: a third more in the page

_HARD = (
    "Generated clips whose score lay below the threshold of every detector that answered, the most convincing first; "
    "then real clips that at least half of the detectors accused. Shown as the detectors saw them after matching."
)


def write_detection_report(folder: Path, findings: Findings, *, previews: Mapping[Clip, bytes] | None = None) -> Path:
    """Write folder/report.html, one self-contained page, and return its path.

    `previews`: mp4s of the clips that `clips_to_show` asks for, as far as there are any; they play in the page.
    """
    page = folder / "report.html"
    text = render_detection_report(findings, previews=previews or {})
    page.write_text(text, encoding="utf-8", errors="replace")
    return page


def clips_to_show(findings: Findings) -> list[Clip]:
    """The clips that the report plays, as (set, clip name)."""
    return [(clip.set, clip.clip) for clip in findings.hard]


def render_detection_report(findings: Findings, *, previews: Mapping[Clip, bytes]) -> str:
    """The page as HTML; it grows with detectors, generators and conditions, not with clips."""
    sections = [
        *answer_sections(findings),
        table_section(findings),
        *generators_section(findings),
        *robustness_section(findings),
        *unseen_section(findings),
        *shortcuts_section(findings),
        *hard_section(findings, previews),
        *curves_section(findings),
        *subgroups_section(findings),
        *quality_section(findings),
        *comparisons_section(findings),
        *abstentions_section(findings),
        *controls_section(findings),
        *attacks_section(findings),
        terms_section(findings),
    ]
    return render(
        "Can these videos be caught?",
        sections,
        answer=answer(findings).headline,
        lead=_gravest(findings),
        figures=figures(findings),
    )


def _gravest(findings: Findings) -> str:
    if not findings.warnings:
        return ""
    more = f" (doubt 1 of {len(findings.warnings)}, below)" if len(findings.warnings) > 1 else ""
    return f"But: {findings.warnings[0]}{more}"


def hard_section(findings: Findings, previews: Mapping[Clip, bytes]) -> list[Section]:
    """The clips that detectors are wrong about, to be played."""
    if not findings.hard:
        text = "No generated clip fooled every detector, and no real clip was accused by half of them."
        return [Section(title="Clips that fooled every detector", text=text)]
    fitting = _that_fit(findings.hard, previews)
    parts = [
        _clips("Generated, taken for real by all", [clip for clip in findings.hard if clip.is_fake], fitting),
        _clips("Real, falsely accused", [clip for clip in findings.hard if not clip.is_fake], fitting),
    ]
    return [
        Section(title="Clips that fooled every detector", text=_HARD, parts=[part for part in parts if part.videos])
    ]


def _clips(title: str, clips: Sequence[HardClip], previews: Mapping[Clip, bytes]) -> Section:
    return Section(title=title, videos=[_video(clip, previews) for clip in clips])


def _video(clip: HardClip, previews: Mapping[Clip, bytes]) -> Video:
    wrong = f"{clip.wrong} of {clip.answered} detectors wrong, mean score {clip.score:.2f}"
    source = previews.get((clip.set, clip.clip))
    return Video(
        source=source, caption=f"{clip.set}: {clip.clip}\n{wrong}", absent="" if source else "no video at hand"
    )


def _that_fit(clips: Sequence[HardClip], previews: Mapping[Clip, bytes]) -> dict[Clip, bytes]:
    """The first previews that together stay within the page's bound."""
    fitting, total = dict[Clip, bytes](), 0
    for clip in clips:
        content = previews.get((clip.set, clip.clip), b"")
        if content and total + len(content) <= PREVIEW_BYTES:
            fitting[clip.set, clip.clip] = content
            total += len(content)
    return fitting
