"""Every generator as an attack species, in the shape of ISO/IEC 30107-3: who gets through, and who is held up."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from evaluate.detection.cells import Metric, Terms, numbers_of
from evaluate.detection.draws import METRICS, Sample
from evaluate.detection.findings import AttackRow, Number
from evaluate.detection.operating_points import roc, smallest_resolvable_fpr

APCERS = (0.10, 0.05, 0.01)
AT_THRESHOLD: dict[str, Metric] = {
    "apcer": lambda sample: 1 - METRICS["tpr_at_threshold"](sample),
    "bpcer": METRICS["fpr_at_threshold"],
}


def attacks(clean: pd.DataFrame, terms: Terms) -> Iterator[AttackRow]:
    """Yield a row for every detector and generator."""
    for detector, rows in clean.groupby("detector", sort=False):
        real = rows[~rows.is_fake]
        for species, fake in rows[rows.is_fake].groupby("set", sort=False):
            yield _row(str(detector), str(species), real, fake, terms)


def _row(detector: str, species: str, real: pd.DataFrame, fake: pd.DataFrame, terms: Terms) -> AttackRow:
    rows = pd.concat([real, fake])
    rates = numbers_of(rows, AT_THRESHOLD, terms)
    return AttackRow(
        detector=detector,
        species=species,
        n_attacks=len(fake),
        n_bona_fide=len(real),
        apcer=rates["apcer"],
        bpcer=rates["bpcer"],
        bpcer_at=_bpcer_at(rows, int(fake.score.notna().sum()), terms),
        apnrr=_share(fake.score.isna()),
        bpnrr=_share(real.score.isna()),
    )


def _bpcer_at(rows: pd.DataFrame, n_attacks: int, terms: Terms) -> dict[str, Number]:
    """BPCER where APCER is at most 10, 5 and 1 %, as far as this many attacks resolve that."""
    least = smallest_resolvable_fpr(n_attacks) if n_attacks else 1.0
    wanted = {f"{100 * apcer:g} %": apcer for apcer in APCERS}
    known = {name: _at(apcer) for name, apcer in wanted.items() if apcer >= least}
    found = numbers_of(rows, known, terms) if known else {}
    why = f"not resolvable: {n_attacks} clips resolve no APCER under {100 * least:.3g} %"
    return {name: found.get(name, Number(value=None, absent=why)) for name in wanted}


def _at(apcer: float) -> Metric:
    return lambda sample: bpcer_at_apcer(sample, apcer)


def bpcer_at_apcer(sample: Sample, apcer: float) -> NDArray[np.floating]:
    """The least share of real clips accused by a threshold that misses at most `apcer` of the attacks, chosen on the
    same clips."""
    fpr, tpr = roc(sample.counts)
    return np.asarray(np.where(1 - tpr <= apcer + 1e-7, fpr, 1.0).min(axis=-1))


def _share(silent: pd.Series) -> float:
    return float(silent.mean()) if len(silent) else 0.0
