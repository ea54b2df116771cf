"""What the demo ends with: one picture and one page that show every step's result and lead to its report."""

import io
import json
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
import PIL.Image
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from curate.media import read_audio, read_frames
from curate.page import Picture, Section, Video, render
from pipelines.demo_inputs import Drive

STRIP_FRAMES = 8
SHOWN_PX = 256  # side of a frame in the strip
INK, SOFT = "#1d2330", "#9aa4b8"
COLOURS = {"kept": "#2f9e6e", "rejected": "#d98b2b", "quarantined": "#c2455a"}

Image = NDArray[np.uint8]


def write_picture(path: Path, drive: Drive, outcomes: pd.DataFrame) -> Path:
    """Write a PNG: the portrait and what the model made of it, over the voice that drives it, and curate's funnel."""
    frames = [frame.image for frame in read_frames(drive.video)]
    voice = read_audio(drive.audio)
    chosen = np.unique(np.linspace(0, len(frames) - 1, STRIP_FRAMES).round().astype(int))
    figure = Figure(figsize=(13, 4.1), dpi=110, facecolor="white", layout="constrained")
    strip, wave, funnel = figure.subplot_mosaic(
        [["strip", "strip"], ["wave", "funnel"]], height_ratios=[1.75, 1.6], width_ratios=[2.2, 1]
    ).values()
    _draw_strip(strip, _picture(drive.portrait), [frames[i] for i in chosen])
    _draw_wave(wave, voice, [int(i) / 25 for i in chosen])
    _draw_funnel(funnel, outcomes)
    content = io.BytesIO()
    figure.savefig(content, format="png")
    path.write_bytes(content.getvalue())
    return path


def write_page(
    path: Path,
    *,
    drives: Sequence[Drive],
    picture: Path,
    seconds: Mapping[str, float],
    agreement: pd.DataFrame | None,
    scores: pd.DataFrame,
    losses: Mapping[str, Path],
) -> Path:
    """Write the page; pictures are held in it, videos and the other reports lie beside it and are linked."""
    steps = pd.DataFrame([{"step": name, "this run took": f"{took:.0f} s"} for name, took in seconds.items()])
    sections = [
        Section(title="Sampled videos", text=_HONEST, videos=[_video(drive, path.parent) for drive in drives]),
        Section(title="From portrait and voice to video", pictures=[Picture(content=picture.read_bytes())]),
        Section(
            title="Scores", text=_SCORES, links={"the evaluation's report": "evaluation/report.html"}, table=scores
        ),
        *([] if agreement is None else [_agreement_section(agreement)]),
        Section(title="Training", pictures=[Picture(content=p.read_bytes(), caption=n) for n, p in losses.items()]),
        Section(title="Steps", text=_STEPS, links={"the corpus's report": "corpus/report.html"}, table=steps),
    ]
    path.write_text(render("emoforge demo", sections, lead=_LEAD), encoding="utf-8")
    return path


def read_scores(results: Path) -> pd.DataFrame:
    """Return one row a metric of an evaluation's results.json of one system: its value and what to read it against."""
    systems: dict[str, dict[str, dict[str, Any]]] = json.loads(results.read_text(encoding="utf-8"))["systems"]
    (metrics,) = systems.values()
    return pd.DataFrame([_score(metric) for metric in metrics.values()])


_LEAD = "The whole path in small: videos curated into shards, a model trained from them, sampled, and scored."
_HONEST = (
    "The preset 'tiny' (64 px) has learned the corpus' first clips by heart in a few minutes: this shows that every "
    "part works together, not how well the model knows faces that it has not seen. Turn the sound on."
)
_SCORES = "Of a few short videos: too few to compare systems with. N and the protocol are in the evaluation's report."
_STEPS = "What was done before is re-used, and then takes no time."


def _video(drive: Drive, beside: Path) -> Video:
    return Video(source=drive.video.relative_to(beside), caption=drive.video.stem.replace("_", " "))


def _score(metric: Mapping[str, Any]) -> dict[str, str]:
    against = metric["floor"] or metric["reference_value"]
    return {
        "metric": metric["title"],
        "samples": "absent" if metric["value"] is None else f"{metric['value']:.4g}",
        "real videos": "" if against is None else f"{against['value']:.4g}",
        "better is": "higher" if metric["higher_is_better"] else "lower",
        "note": metric["absent"] or "",
    }


def _agreement_section(table: pd.DataFrame) -> Section:
    shown = table.assign(agrees=["yes" if agrees else "NO" for agrees in table.agrees])
    return Section(
        title="Decisions against the truth",
        text=f"{int(table.agrees.sum())} of {len(table)} of curate's decisions agree with the sample corpus's truth.",
        table=shown,
    )


def _draw_strip(axes: Axes, portrait: Image, frames: Sequence[Image]) -> None:
    gap = np.full((SHOWN_PX, 18, 3), 255, np.uint8)
    tiles = [_square(portrait), gap]
    for frame in frames:
        tiles += [_square(frame), gap[:, :4]]
    axes.imshow(np.hstack(tiles[:-1]), interpolation="bilinear")
    axes.set_axis_off()
    axes.set_title("portrait, and the frames sampled from it", loc="left", fontsize=10, color=INK)


def _draw_wave(axes: Axes, voice: NDArray[np.float32], times_s: Sequence[float]) -> None:
    axes.plot(np.arange(len(voice)) / 16_000, voice, color=SOFT, linewidth=0.5)
    for time_s in times_s:
        axes.axvline(time_s, color=INK, linewidth=0.8, linestyle=":")
    axes.set_title("the voice that drives it; dotted: the frames above", loc="left", fontsize=10, color=INK)
    axes.set_xlabel("seconds", fontsize=8)
    axes.set_yticks([])
    axes.margins(x=0)
    axes.tick_params(labelsize=8)
    axes.spines[["left", "right", "top"]].set_visible(False)


def _draw_funnel(axes: Axes, outcomes: pd.DataFrame) -> None:
    counts = outcomes.groupby(["outcome", "reason"]).size()
    labels = [f"{outcome}: {reason}" if reason else outcome for outcome, reason in counts.index]
    colours = [COLOURS[outcome] for outcome, _ in counts.index]
    bars = axes.barh([textwrap.shorten(label, 34) for label in labels], counts.to_numpy(), color=colours)
    axes.bar_label(bars, fontsize=7, padding=2)
    axes.invert_yaxis()
    axes.set_title(f"what curate made of {len(outcomes)} videos", loc="left", fontsize=10, color=INK)
    axes.set_xticks([])
    axes.tick_params(labelsize=7, length=0)
    axes.spines[["right", "top", "bottom"]].set_visible(False)


def _picture(path: Path) -> Image:
    with PIL.Image.open(path) as picture:
        return np.asarray(picture.convert("RGB"), np.uint8)


def _square(image: Image) -> Image:
    return np.asarray(cv2.resize(image, (SHOWN_PX, SHOWN_PX), interpolation=cv2.INTER_CUBIC), np.uint8)
