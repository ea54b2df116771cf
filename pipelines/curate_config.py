"""Every setting of `emoforge curate`, with its default, unit and help."""

from dataclasses import dataclass, field

from curate.records import Threshold
from pipelines.config import option
from pipelines.split import SplitConfig


@dataclass(frozen=True, kw_only=True)
class AnalysisConfig:
    """How the one decoding pass looks at a video."""

    adaptive_threshold: float = option(3.5, "a cut is a frame that differs this many times more than its neighbours")
    min_shot_s: float = option(0.6, "shortest shot, seconds")
    min_mesh_confidence: float = option(0.5, "below this the mesh says that it is no face, 0 to 1")
    detect_every: int = option(5, "frames between looks for new faces; known ones are followed in every frame")
    max_gap_s: float = option(0.4, "a face lost for up to this long stays one track, seconds")
    min_track_s: float = option(0.5, "shorter face tracks are noise and not recorded, seconds")


@dataclass(frozen=True, kw_only=True)
class LimitsConfig:
    """What one source may ask for; beyond it the source is quarantined."""

    max_duration_s: float = option(14_400.0, "longest video, seconds")
    max_pixels: int = option(8192 * 4320, "largest picture, px")
    wall_s: float = option(1_800.0, "longest processing of one source, seconds")
    memory_gb: float = option(
        4.0, "most memory that processing one source may set aside, GiB; much of it is never touched: not under 3"
    )


@dataclass(frozen=True, kw_only=True)
class EncodeConfig:
    """How kept clips are written."""

    size_px: int = option(512, "side of the square crop, px, even")
    crf: int = option(18, "H.264 quality, 0 to 51, lower is better")


SCORERS = (
    "duration_s",
    "face_size",
    "faces_per_frame",
    "face_completeness",
    "sharpness",
    "luminance",
    "head_pose",
    "camera_stillness",
    "mouth_aperture",
    "speech_ratio",
    "loudness",
    "clipping",
    "snr",
    "sync_ridge",
    "mouth_in_silence",
    "overlay_text",
)

KEEP = {
    "duration_s": Threshold(min=3.0),
    "face_size": Threshold(min=120.0),
    "faces_per_frame": Threshold(min=0.9, max=1.2),
    "face_completeness": Threshold(min=0.9),
    "sharpness": Threshold(min=2.0),
    "luminance": Threshold(min=10.0, max=235.0),
    "head_pose_yaw_deg": Threshold(max=60.0),
    "mouth_aperture_std": Threshold(min=0.004),
    "speech_ratio": Threshold(min=0.3),
    "clipping": Threshold(max=0.01),
    "sync_ridge_offset_s": Threshold(min=-0.1, max=0.1, optional=True),
    "overlay_text_area": Threshold(max=0.01),
}

# Silero calls little of a song speech, and its vowels last: what it asks of sound is let go
KEEP_SINGING = {"speech_ratio": Threshold(min=0.0)}


@dataclass(frozen=True, kw_only=True)
class WindowsConfig:
    """How face tracks are cut into clips."""

    min_s: float = option(3.0, "shortest clip, seconds, 1 to 30")
    max_s: float = option(12.0, "longest clip, seconds, 1 to 30")
    max_yaw_deg: float = option(60.0, "frames that look further to a side are cut around where that leaves a clip")


@dataclass(frozen=True, kw_only=True)
class FetchConfig:
    """How sources that aren't files are fetched."""

    per_host: int = option(2, "fetches from one host at a time; pages that yt-dlp reads: always one")
    min_interval_s: float = option(0.5, "shortest time between two fetches from one host, seconds")
    max_bytes: int = option(8 << 30, "largest source, bytes")
    total_timeout_s: float = option(900.0, "longest fetch with all its retries, seconds")
    idle_timeout_s: float = option(30.0, "longest wait for the next byte, seconds")
    retries: int = option(4, "further tries after a failure that may pass")
    backoff_s: float = option(1.0, "wait before the first further try, seconds; it doubles each time")
    respect_robots: bool = option(True, "honour robots.txt and X-Robots-Tag (noai, noimageai, noindex)")
    user_agent: str = option("emoforge/0.1", "how the fetcher names itself")


@dataclass(frozen=True, kw_only=True)
class WorkersConfig:
    """What one worker of each kind takes; Ray sets it aside."""

    fetchers: int = option(8, "sources fetched at a time")
    fetch_cpus: float = option(0.1, "cores of a fetcher")
    curate_cpus: float = option(1.0, "cores of a curating worker")
    curate_gpus: float = option(0.0, "GPUs of a curating worker, parts allowed")


@dataclass(frozen=True, kw_only=True)
class CurateConfig:
    """Everything that decides what the shards hold."""

    detector: str = option("blazeface", "face detector: a file of curate/faces")
    scorers: list[str] = option(
        list(SCORERS), "scorers in the order they run: files of curate/scorers, cheap ones first"
    )
    keep: dict[str, Threshold] = option(
        KEEP,
        "thresholds by score, --keep.NAME.min X, --keep.NAME.max X; --keep.NAME.optional true keeps a clip without it",
    )
    keep_singing: dict[str, Threshold] = option(
        KEEP_SINGING, "thresholds that replace those of `keep` for sources whose domain is singing"
    )
    repair_by: str | None = option("sync_ridge", "scorer whose offset the sound is shifted by; none to leave it")
    licences: list[str] | None = option(None, "licences that are let in; none: any, and sources without one")
    triage_gap_s: float = option(
        12.0, "a video whose keyframes, no further apart than this, show no face is rejected; 0: never, seconds"
    )
    score_all: bool = option(False, "look at and score also what is dropped already")
    partition_size: int = option(64, "sources that are committed together, in one shard")
    shard_bytes: int = option(500 << 20, "a partition's clips beyond this begin another shard, bytes")
    windows: WindowsConfig = field(default_factory=WindowsConfig)
    analysis: AnalysisConfig = field(default_factory=AnalysisConfig)
    encode: EncodeConfig = field(default_factory=EncodeConfig)
    limits: LimitsConfig = field(default_factory=LimitsConfig)
    fetch: FetchConfig = field(default_factory=FetchConfig)
    split: SplitConfig = field(default_factory=SplitConfig)
    workers: WorkersConfig = field(default_factory=WorkersConfig)
