"""What this machine can prove of its numbers: known answers and parity with reference code, each with what it gave.

Vectors need nothing. What needs weights, packages or clips that aren't here says so: not proven is not failed.
"""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from curate.errors import EmoforgeError, WeightsError
from curate.mfcc import mfcc
from evaluate.detection.calibration import brier, log_loss
from evaluate.detection.counts import Counts, counts
from evaluate.detection.delong import delong_variance
from evaluate.detection.operating_points import auc, average_precision, equal_error_rate, partial_auc, rocch_eer
from evaluate.distances import frechet_distance
from evaluate.gaussians import gaussian, merged
from evaluate.kernel_distance import KernelSums, biased_kid, kernel_sums, unbiased_kid

State = Literal["proven", "failed", "not proven"]
Rows = NDArray[np.float64]

MOCHA = "mocha_headphones.avi"  # of MoChaBench, which publishes its SyncNet numbers


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """One check's name, whether it holds here, and what it gave against what it should."""

    name: str
    state: State
    said: str


@dataclass(frozen=True, kw_only=True)
class Known:
    """Numbers with their known answers: `give` is called for them, `within` is absolute."""

    name: str
    answers: tuple[float, ...]
    within: float
    give: Callable[[], tuple[float, ...]]


def verdicts(clips: Path) -> Iterator[Verdict]:
    """Run every check, cheap ones first; `clips` is a folder that may hold published clips."""
    return map(_verdict, (*_vectors(), *_of_detection(), *_networks(), _published_clip(clips)))


def _verdict(known: Known) -> Verdict:
    try:
        given = known.give()
    except (EmoforgeError, OSError, ImportError) as error:
        return Verdict(name=known.name, state="not proven", said=str(error))
    holds = all(abs(g - a) <= known.within for g, a in zip(given, known.answers, strict=True))
    said = f"{_text(given)} (known: {_text(known.answers)}, within {known.within:g})"
    return Verdict(name=known.name, state="proven" if holds else "failed", said=said)


def _text(numbers: tuple[float, ...]) -> str:
    return ", ".join(f"{number:.10g}" for number in numbers)


def _vectors() -> list[Known]:
    """Known answers by arithmetic alone."""
    line = np.array([[-1.0], [1.0]])
    skewed, plain = np.array([[2.0, 1.0], [1.0, 2.0]]), np.diag([1.0, 3.0])
    corners = np.array(list(itertools.product((-1.0, 1.0), repeat=6)))
    rows = np.random.default_rng(0).normal(3.0, 2.0, (200, 2048))
    return [
        _known("Fréchet in one dimension", 9 + 2, lambda: frechet(line, 2 * line + 3)),
        _known("Fréchet, covariances that don't commute", 8 - 2 * 14**0.5, lambda: frechet(of(skewed), of(plain))),
        _known("Fréchet, a cube's corners", 1.898809523809524, lambda: frechet(corners, corners / 2 + 0.25)),
        _known("Fréchet, 200 vectors of 2048", 20.48, lambda: frechet(rows, rows + 0.1)),
        _known("Fréchet, merged from shards", 20.48, lambda: _in_shards(rows, rows + 0.1)),
        _known("KID, unbiased", -13.0, lambda: unbiased_kid(_kernels([0, 1], [0, 2]))),
        _known("KID, biased", 19.75, lambda: biased_kid(_kernels([0, 1], [0, 2]))),
        _known("SyncNet's MFCC of a tone, summed", 793.744989, _mfcc_of_a_tone, within=1e-3),
        _known("Fréchet against torchmetrics in float64", 0.0, lambda: _less_torchmetrics(rows[:, :16]), within=1e-8),
    ]


def _of_detection() -> list[Known]:
    """Known answers of operating points: ties, scores that are all wrong, and classes of unlike size."""
    plain, same, wrong = (0.1, 0.4, 0.35, 0.8), (0.5, 0.5, 0.5, 0.5), (0.9, 0.8, 0.2, 0.1)
    uneven, pairs = (0.1, 0.2, 0.7, 0.3, 0.6, 0.8, 0.9, 0.95), tuple(np.tile(np.arange(50) / 50, 2).tolist())
    return [
        _known("AUC", 0.75, lambda: float(auc(_scored(plain, 2)))),
        _known("AUC, classes of unlike size", 13 / 15, lambda: float(auc(_scored(uneven, 3)))),
        _known("average precision", 5 / 6, lambda: float(average_precision(_scored(plain, 2)))),
        _known("average precision, unlike size", 139 / 150, lambda: float(average_precision(_scored(uneven, 3)))),
        _known("AUC up to an FPR of 0.5 (McClish)", 2 / 3, lambda: float(partial_auc(_scored(plain, 2), 0.5))),
        _known("EER of constant scores", 0.5, lambda: float(equal_error_rate(_scored(same, 2)))),
        _known("EER of fifty tied pairs", 0.5, lambda: float(equal_error_rate(_scored(pairs, 50)))),
        _known("EER of scores that are all wrong", 1.0, lambda: float(equal_error_rate(_scored(wrong, 2)))),
        _known("EER, classes of unlike size", 1 / 3, lambda: float(equal_error_rate(_scored(uneven, 3)))),
        _known("EER of the convex hull", 2 / 11, lambda: rocch_eer(_scored(uneven, 3))),
        _known("Brier score", 0.158125, lambda: float(brier(np.array(plain), np.arange(4) > 1))),
        _known("log-loss", 0.472288, lambda: float(log_loss(np.array(plain), np.arange(4) > 1)), within=1e-6),
        _known("DeLong's variance", 0.125, lambda: delong_variance(np.array(plain), np.arange(4) > 1)),
    ]


def _scored(scores: tuple[float, ...], n_real: int) -> Counts:
    """Counts of scores whose first `n_real` are of real clips."""
    return counts(np.array(scores), np.arange(len(scores)) >= n_real)


def frechet(x: Rows, y: Rows) -> float:
    """Return the distance between two sets of (n, d) vectors."""
    return frechet_distance(gaussian(x), gaussian(y))


def of(covariance: Rows) -> Rows:
    """Vectors (2 d, d) of mean 0 whose covariance is exactly the given one (d, d)."""
    root = np.linalg.cholesky(covariance).T
    n = 2 * len(root)
    return np.asarray(np.concatenate([root, -root]) * np.sqrt((n - 1) / 2), np.float64)


def _known(name: str, answer: float, give: Callable[[], float], *, within: float = 1e-9) -> Known:
    return Known(name=name, answers=(answer,), within=within, give=lambda: (give(),))


def _in_shards(x: Rows, y: Rows) -> float:
    return frechet_distance(merged(map(gaussian, np.array_split(x, 7))), merged(map(gaussian, np.array_split(y, 3))))


def _kernels(x: list[float], y: list[float]) -> KernelSums:
    return kernel_sums(np.array(x, float)[:, None], np.array(y, float)[:, None])


def _mfcc_of_a_tone() -> float:
    tone = (10_000 * np.sin(2 * np.pi * 440 * np.arange(16_000) / 16_000)).astype(np.int16)
    return float(mfcc((tone / 32_768).astype(np.float32)).sum(dtype=np.float64))


def _less_torchmetrics(x: Rows) -> float:
    import torch
    from torchmetrics.image.fid import _compute_fid

    y = x * 1.5 + 0.3
    theirs = _compute_fid(*(torch.from_numpy(m) for z in (x, y) for m in (z.mean(0), np.cov(z.T))))
    return float(theirs) - frechet(x, y)


def _networks() -> list[Known]:
    """Parity of what runs on weights from outside, with those weights."""
    return [
        _known("Inception's features are torch-fidelity's", 0.0, _less_torch_fidelity, within=1e-5),
        _known("FVD of zeros against ones, 8 videos of 30 frames", 151.256, _fvd_of_constants, within=1.0),
    ]


def _less_torch_fidelity() -> float:
    """How far our features are from torch-fidelity's own, over their length, on one picture of noise."""
    import torch

    from evaluate.features.inception_2015 import preprocess
    from evaluate.networks.inception_2015 import build_extractor, load_inception_2015, published_state

    image = np.random.default_rng(0).integers(0, 256, (96, 128, 3)).astype(np.uint8)
    with torch.inference_mode():
        ours = load_inception_2015()(preprocess(image)).flatten()
        theirs = build_extractor(published_state())(torch.from_numpy(image).permute(2, 0, 1)[None])[0].flatten()
    return float((ours - theirs).norm() / theirs.norm())


def _fvd_of_constants() -> float:
    """Of equal videos the covariances vanish: the squared distance of two vectors of logits."""
    import torch

    from evaluate.networks.i3d_torchscript import load_i3d

    network = load_i3d()
    with torch.inference_mode():
        dark, bright = (network(torch.full((1, 3, 30, 224, 224), level)) for level in (-1.0, 1.0))
    return float((dark - bright).double().square().sum())


def _published_clip(clips: Path) -> Known:
    answers = (1.0, 9.255, 4.497)
    return Known(
        name=f"SyncNet on {MOCHA}: offset, distance, confidence",
        answers=answers,
        within=0.1,
        give=lambda: _syncnet_of(clips / MOCHA),
    )


def _syncnet_of(clip: Path) -> tuple[float, ...]:
    from curate.analysis import analyse
    from curate.clip_media import clip_media
    from curate.scorers.syncnet import syncnet

    if not clip.is_file():
        raise WeightsError(f"there is no {clip.name} in {clip.parent}: name its folder after --accept")
    found = analyse(clip)
    scores = syncnet(clip_media(clip, found, max(found.tracks, key=len)))
    numbers = (scores["reference_offset_frames"], scores["reference_distance"], scores["reference_confidence"])
    return tuple(float("nan") if number is None else number for number in numbers)
