"""What a stage is trained with unless told otherwise, for each preset: a table."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from train.stages import STAGES, Part, StageName

PresetName = Literal["tiny", "small", "sd15"]
Weighting = Literal["uniform", "picture", "min_snr"]


@dataclass(frozen=True, kw_only=True)
class Dropout:
    """How often a sample's condition is taken away, in [0, 1]; what guidance and a video's first clip rely on."""

    reference: float = 0.0
    audio: float = 0.1
    both: float = 0.0  # portrait and voice at once, besides those that lose either: what double guidance starts from
    motion: float = 0.25


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How one stage of one preset is trained."""

    steps: int
    batch_size: int  # windows a step, over all processes
    learning_rate: float
    warmup_steps: int
    beta2: float  # AdamW's; a long memory suits long runs
    ema_decay: float
    weighting: Weighting
    checkpoint_every: int
    samples_every: int
    learns: frozenset[Part]
    dropout: Dropout = field(default_factory=Dropout)


# A model that starts from nothing has not seen enough after stage image, so all its parts learn on in stage video,
# with rates that suit small networks. `sd15` starts from Stable Diffusion and AnimateDiff, as the paper's model does.
_ALL_BUT_SPEED: frozenset[Part] = STAGES["image"].learns | STAGES["video"].learns
_SPEED_ONLY = STAGES["speed"].learns
# The paper says nothing of dropout: Hallo's shares (its configs/train/stage2.yaml), its start_ratio as motion.
_HALLO = Dropout(reference=0.05, audio=0.05, both=0.05, motion=0.05)
# Guidance by the portrait needs models that have seen none; a tiny one has no time for that.
_SMALL = Dropout(reference=0.05, audio=0.1, both=0.0, motion=0.15)


def _tiny(*, steps: int, batch_size: int, learns: frozenset[Part]) -> Recipe:
    return Recipe(
        steps=steps,
        batch_size=batch_size,
        learning_rate=2e-3,
        warmup_steps=20,
        beta2=0.99,
        ema_decay=0.99,
        weighting="picture",
        checkpoint_every=100,
        samples_every=100,
        learns=learns,
    )


def _small(*, steps: int, batch_size: int, learning_rate: float, learns: frozenset[Part]) -> Recipe:
    return Recipe(
        steps=steps,
        batch_size=batch_size,
        learning_rate=learning_rate,
        warmup_steps=100,
        beta2=0.99,
        ema_decay=0.999,
        weighting="picture",
        checkpoint_every=500,
        samples_every=500,
        learns=learns,
        dropout=_SMALL,
    )


def _sd15(stage: StageName, *, steps: int, batch_size: int) -> Recipe:
    return Recipe(
        steps=steps,
        batch_size=batch_size,
        learning_rate=1e-5,
        warmup_steps=500,
        beta2=0.999,
        ema_decay=0.9995,
        weighting="uniform",
        checkpoint_every=1000,
        samples_every=1000,
        learns=STAGES[stage].learns,
        dropout=_HALLO,
    )


RECIPES: Mapping[PresetName, Mapping[StageName, Recipe]] = {
    "tiny": {
        "image": _tiny(steps=300, batch_size=8, learns=STAGES["image"].learns),
        "video": _tiny(steps=300, batch_size=2, learns=_ALL_BUT_SPEED),
        "speed": _tiny(steps=40, batch_size=1, learns=_SPEED_ONLY),
    },
    "small": {
        "image": _small(steps=4000, batch_size=32, learning_rate=2e-4, learns=STAGES["image"].learns),
        "video": _small(steps=6000, batch_size=8, learning_rate=2e-4, learns=_ALL_BUT_SPEED),
        "speed": _small(steps=1000, batch_size=8, learning_rate=1e-4, learns=_SPEED_ONLY),
    },
    # Batches and rate are the paper's (section 4.1); steps are Hallo's, those of stage speed a third of them.
    "sd15": {
        "image": _sd15("image", steps=30_000, batch_size=48),
        "video": _sd15("video", steps=30_000, batch_size=4),
        "speed": _sd15("speed", steps=10_000, batch_size=4),
    },
}


def recipes_table() -> str:
    """Return the table as text, a row a preset and stage; dropout is that of reference, audio, both and motion."""
    head = (
        "preset",
        "stage",
        "steps",
        "batch",
        "rate",
        "warmup",
        "beta2",
        "ema",
        "weighting",
        "save",
        "grid",
        "dropout",
    )
    rows = [head, *(_row(preset, stage) for preset, stages in RECIPES.items() for stage in stages)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(head))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    learns = [
        f"{preset} {stage} learns {', '.join(sorted(recipe.learns))}"
        for preset, stages in RECIPES.items()
        for stage, recipe in stages.items()
    ]
    return "\n".join([*lines, "", *learns])


def _row(preset: PresetName, stage: StageName) -> tuple[str, ...]:
    recipe = RECIPES[preset][stage]
    dropped = recipe.dropout
    numbers = (recipe.steps, recipe.batch_size, recipe.learning_rate, recipe.warmup_steps, recipe.beta2)
    every = (recipe.checkpoint_every, recipe.samples_every)
    return (
        preset,
        stage,
        *(f"{number:g}" for number in (*numbers, recipe.ema_decay)),
        recipe.weighting,
        *(f"{number}" for number in every),
        " ".join(f"{share:g}" for share in (dropped.reference, dropped.audio, dropped.both, dropped.motion)),
    )
