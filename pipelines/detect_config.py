"""Every setting of `emoforge detect`, with its default, unit and help."""

from dataclasses import dataclass, field

from pipelines.config import option


@dataclass(frozen=True, kw_only=True)
class MatchingConfig:
    """The one form that real and generated clips are brought to before they are scored."""

    size_px: int = option(256, "side of the face square, px, even")
    face_scale: float = option(1.2, "the square over the face's longer side; tight keeps captions and insets out")
    round_at: float = option(0.56, "pixels further than so many sides from the square's centre are grey; 0.71: none")
    max_s: float = option(5.0, "longest part of a clip, from its middle, seconds")
    crf: int = option(18, "H.264 quality, 0 to 51, lower is better")
    level_db: float = option(-26.0, "loudness that sound is brought to, RMS, dB below full scale")
    cut_hz: float = option(6_800.0, "sound above is taken out, Hz: recordings differ in where theirs ends")


@dataclass(frozen=True, kw_only=True)
class DetectConfig:
    """What is assumed, how much is drawn, and what scoring may take."""

    matching: MatchingConfig = field(default_factory=MatchingConfig)
    folds: int = option(5, "parts of whole clusters: a detector is fitted, and a threshold chosen, on the others")
    prevalence: float = option(0.01, "share of synthetic videos where the detector is to be used, 0 to 1")
    cost_miss: float = option(1.0, "what a synthetic video taken for real costs")
    cost_false_alarm: float = option(1.0, "what a real video called synthetic costs")
    draws: int = option(2_000, "draws of clusters behind every interval")
    seed: int = option(0, "seed of folds, fits, controls and draws")
    group_by: list[str] = option([], "columns of a corpus to make subgroups of, e.g. [domain, head_pose_yaw_deg]")
    answer_s: float = option(120.0, "longest answer of a command or an address to one video, seconds")
    wall_s: float = option(1_800.0, "longest scoring of one clip under all conditions, seconds")
    fit_wall_s: float = option(7_200.0, "longest fitting of one detector, seconds")
    memory_gb: float = option(4.0, "most memory that scoring one clip may take, GiB")
