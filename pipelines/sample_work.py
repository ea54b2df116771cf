"""The work of `emoforge sample`: a model that is loaded once, and the videos it is asked for."""

import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from curate.errors import ConfigError, EmoforgeError
from curate.file_names import names_file
from pipelines.appearing import appearing
from pipelines.provenance import Provenance, checked_reference, manifest, sha256, tags
from pipelines.sample_config import SampleConfig, check
from pipelines.sample_pictures import counted, pictures_of
from pipelines.sample_sound import Sound, heard, open_sound, voiced

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray
    from torch import Tensor

    from pipelines.signing_identity import Identity
    from train.checkpoint import TrainState
    from train.drift_guard import DriftGuard, Redone
    from train.models.emo import EmoModel
    from train.portrait import Portrait
    from train.sampling import SamplerSettings

Box = tuple[float, float, float, float]  # left, top, right, bottom, px of the upright portrait
OnFrame = Callable[[int, int], object]  # is told (pictures done, of all)


@dataclass(frozen=True, kw_only=True)
class Request:
    """One video to make."""

    portrait: Path
    audio: Path  # what is heard; sound or a video
    out: Path
    vocals: Path | None = None  # what drives the mouth, where that is not `audio`
    separate: bool = False  # take the voice out of `audio` first
    box: Box | None = None  # the face, where no detector finds it
    face_region: Path | Box | Literal["all"] | None = None  # None: the face's box
    speed_deg: str | None = None  # as --speed has it; None: calm, or nothing where the model has not learned speed
    paste_back: bool = False
    seed: int | None = None  # None: the configuration's
    consent_ref: str | None = None


@dataclass(frozen=True, kw_only=True)
class Sampled:
    """A video that was made."""

    video: Path
    n_frames: int
    duration_s: float
    took_s: float
    redone: "tuple[Redone, ...]"  # the clips that the drift guard had drawn again
    provenance: Provenance


class Sampler:
    """A loaded model and how to sample it; made by `open_sampler`."""

    def __init__(
        self, model: "EmoModel", state: "TrainState", config: SampleConfig, sha256: str, identity: "Identity | None"
    ) -> None:
        self._model = model
        self._state = state
        self._config = config
        self._sha256 = sha256
        self._identity = identity

    @property
    def has_speed(self) -> bool:
        """Whether the model has learned the head's speed."""
        from train.stages import STAGES

        return STAGES[self._state.stage].has_speed

    @property
    def name(self) -> str:
        """What the model is, for people."""
        return f"{self._state.preset}, stage {self._state.stage}, step {self._state.step}"

    def configured(self, config: SampleConfig) -> "Sampler":
        """Return a sampler of the same model, on the same device, with other settings; ConfigError for bad ones."""
        check(config)
        sampler_settings(config, seed=config.seed)
        return Sampler(self._model, self._state, config, self._sha256, self._identity)

    def sample(self, request: Request, *, on_frame: OnFrame = lambda done, total: None) -> Sampled:
        """Make the video; it appears whole or not at all. EmoforgeError says what of the request can't be used."""
        from curate.media import CORPUS_FPS
        from train.portrait import load_portrait

        began = time.monotonic()
        made = self.provenance(request)
        speed = self._speed(request)
        portrait = load_portrait(
            request.portrait,
            size=self._image_px,
            box=request.box,
            region=request.face_region,
            longest_px=_longest_px(request),
        )
        sound = open_sound(request.audio)
        n_frames = sound.n_frames(CORPUS_FPS)
        with appearing(request.out) as scratch:
            voice = _voice(request, sound, scratch.parent, self._config.separator)
            samples = heard(voice, scratch=scratch.parent, duration_s=sound.duration_s)
            guard = _guard(self._config)
            frames = self._generate(portrait, samples, speed(n_frames), made.seed, n_frames, guard)
            pictures = pictures_of(
                frames,
                put_back_into=portrait if request.paste_back else None,
                size_px=self._config.size_px,
                label=self._config.provenance.label,
            )
            self._write(scratch, counted(pictures, n_frames, on_frame), sound, made)
        return Sampled(
            video=request.out,
            n_frames=n_frames,
            duration_s=sound.duration_s,
            took_s=time.monotonic() - began,
            redone=() if guard is None else tuple(guard.redone),
            provenance=made,
        )

    def provenance(self, request: Request) -> Provenance:
        """Return what the video will say it was made from, before it is made."""
        settings = asdict(self._config) | {"provenance": {"label": self._config.provenance.label}}
        for key in ("device", "compile", "cpu_threads", "seed", "speech_command", "separator"):
            del settings[key]  # not for strangers' eyes, or no matter
        settings |= {"box": request.box, "paste_back": request.paste_back, "separated": request.separate}
        settings["face_region"] = _said(request.face_region)
        settings["speed_deg"] = _said(request.speed_deg)
        settings["vocals"] = _said(request.vocals)
        return Provenance(
            checkpoint_sha256=self._sha256,
            portrait_sha256=_hash(request.portrait, "portrait"),
            audio_sha256=_hash(request.audio, "audio"),
            seed=self._config.seed if request.seed is None else request.seed,
            consent_ref=checked_reference(request.consent_ref),
            settings=settings,
        )

    @property
    def _image_px(self) -> int:
        from train.models.presets import PRESETS

        return PRESETS[self._state.preset].image_px

    def _speed(self, request: Request) -> "Callable[[int], NDArray[np.float32] | None]":
        """Return what gives the head's speed for a number of frames: None where the model has not learned it."""
        from curate.media import CORPUS_FPS
        from train.head_speed import DEFAULT_DEG, read_speed, speed_curve

        if request.speed_deg is not None and not self.has_speed:
            raise ConfigError(
                f"this model is of stage {self._state.stage}, which has not learned the head's speed; "
                "leave --speed out, or train stage speed from it"
            )
        if not self.has_speed:
            return lambda n_frames: None
        points = [(0.0, DEFAULT_DEG)] if request.speed_deg is None else read_speed(request.speed_deg)
        return lambda n_frames: speed_curve(points, n_frames=n_frames, fps=CORPUS_FPS)

    def _generate(
        self,
        portrait: "Portrait",
        samples: "NDArray[np.float32]",
        speed_deg: "NDArray[np.float32] | None",
        seed: int,
        n_frames: int,
        guard: "DriftGuard | None",
    ) -> "Iterator[Tensor]":
        import torch

        from train.sampling import generate

        return generate(
            self._model,
            reference=portrait.image,
            face_mask=portrait.face_mask,
            samples=samples,
            n_frames=n_frames,
            speed_deg=None if speed_deg is None else torch.from_numpy(speed_deg),
            settings=sampler_settings(self._config, seed=seed),
            guard=guard,
            voiced=voiced(samples, n_frames=n_frames) if self._config.silence_gate else None,
        )

    def _write(self, video: Path, pictures: "Iterator[NDArray[np.uint8]]", sound: Sound, made: Provenance) -> None:
        from curate.media_writing import write_video

        target = video if self._identity is None else video.with_name("unsigned.mp4")
        write_video(target, pictures, audio=sound.blocks(), sample_rate_hz=sound.sample_rate_hz, metadata=tags(made))
        if self._identity is not None:
            from pipelines.content_credentials import sign

            sign(target, video, definition=manifest(made), identity=self._identity)


def open_sampler(checkpoint: Path, config: SampleConfig) -> Sampler:
    """Load a model and all that its videos need; EmoforgeError says what is missing or can't be."""
    check(config)
    sampler_settings(config, seed=config.seed)
    identity = _identity(config)

    import torch

    from train.checkpoint import AVERAGE, latest_checkpoint, load_model
    from train.prepared import prepare
    from train.stages import STAGES

    device = _device(config.device)
    torch.set_num_threads(config.cpu_threads)
    model, state = load_model(checkpoint)
    if not STAGES[state.stage].has_audio:
        raise EmoforgeError(
            f"{checkpoint} is of stage {state.stage}, which has not learned to listen; train stage video from it"
        )
    digest = sha256(latest_checkpoint(checkpoint) / AVERAGE)
    prepare(model, device=device, dtype=getattr(torch, config.precision), compile=config.compile)
    return Sampler(model, state, config, digest, identity)


def sampler_settings(config: SampleConfig, *, seed: int) -> "SamplerSettings":
    """Return what the sampler is told; ConfigError for what it can't do."""
    from train.sampling import SamplerSettings

    return SamplerSettings(
        steps=config.steps,
        scheduler=config.scheduler,
        audio_guidance=config.audio_guidance,
        reference_guidance=config.reference_guidance,
        seed=seed,
    )


def _guard(config: SampleConfig) -> "DriftGuard | None":
    from train.drift_guard import DriftGuard

    return DriftGuard(max_retries=config.redraws) if config.drift_guard else None


def _identity(config: SampleConfig) -> "Identity | None":
    if not config.provenance.manifest:
        return None
    from pipelines.content_credentials import can_sign, signing_identity

    if not can_sign():
        return None
    return signing_identity(config.provenance.certificate, config.provenance.key)


def _device(name: str) -> "torch.device":
    import torch

    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name == "cuda" and not torch.cuda.is_available():
        raise ConfigError("device cuda: torch sees no CUDA GPU here; leave --device out, or see: emoforge doctor")
    return torch.device(name)


def _hash(file: Path, what: str) -> str:
    from curate.errors import MediaError

    if not file.is_file():
        raise MediaError("not_found", f"there is no {what} file {file}")
    return sha256(file)


def _said(value: Path | Box | str | None) -> Box | str | None:
    """Return a value as a video tells it: of a file the hash, for its name is the user's own."""
    if isinstance(value, (str, Path)) and names_file(value):
        return sha256(Path(value))
    return str(value) if isinstance(value, Path) else value


def _longest_px(request: Request) -> int | None:
    from train.paste_back import LONGEST_PX

    return LONGEST_PX if request.paste_back else None


def _voice(request: Request, sound: Sound, scratch: Path, separator: str | None) -> Sound:
    """Return the sound that drives the mouth."""
    if request.vocals is not None:
        return open_sound(request.vocals)
    if not request.separate:
        return sound
    from pipelines.vocals import separate

    vocals = separate(request.audio, scratch / "vocals.wav", separator=separator)
    if vocals is None:
        raise EmoforgeError(
            "no program is installed that takes the voice out of a mix; install one (pip install audio-separator, or "
            "demucs), name your own (--separator), or give the voice yourself: --audio MIX --vocals VOICE"
        )
    return open_sound(vocals)
