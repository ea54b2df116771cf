"""Image and video classifiers in the Hugging Face format: safetensors on this machine, and never code of theirs."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from curate.errors import ConfigError, WeightsError
from curate.one_thread import one_thread
from evaluate.detection.detector import Detector
from evaluate.detection.face_pictures import face_pictures
from evaluate.observation import Observation

SIZE_PX, N_PICTURES = 256, 16
OPTIONS = {"local_files_only": True, "trust_remote_code": False}  # nothing is fetched in the middle of a run
FAKE_WORDS = frozenset(
    ("ai", "artificial", "deepfake", "fake", "forged", "forgery", "generated", "manipulated", "spoof", "synthetic")
)
DENIALS = frozenset(("no", "non", "not", "un"))


@dataclass(frozen=True, kw_only=True, eq=False)
class Classifier:
    """A network with its preparation of pictures; `n_frames`: of a video that it sees at once, None for pictures."""

    network: Any
    prepare: Any
    n_frames: int | None


def load_hf_classifier(name: str, place: str) -> Detector:
    """Return the detector of `FOLDER_OR_NAME[#label]`: a folder on disk, or a model's name in the local cache.

    It is shown squares of the face; the label's probability is the answer, for pictures the mean over at most 16. The
    label is a name or number of the model's own; without one, the only label that says fake, or that isn't `real`.
    Raises WeightsError for a model that isn't here whole as safetensors, and ConfigError for an unclear label.
    """
    model, _, label = place.partition("#")
    classifier = load_classifier(model)
    config = classifier.network.config
    index = fake_index(config.id2label, label, detector=name)
    return Detector(
        name=name,
        origin=f"{type(classifier.network).__name__} {model}, label {config.id2label[index]!r}{_digest(model)}",
        reads=("picture",),
        score=partial(_score, model=model, index=index),
    )


@cache
def load_classifier(model: str) -> Classifier:
    """The network of a folder or cached name, on the CPU, ready to be run; WeightsError says what it lacks."""
    try:
        import transformers
    except ImportError as error:
        raise WeightsError(
            "Hugging Face classifiers need transformers; install it with: pip install 'emoforge[detect]'"
        ) from error
    log: Any = transformers.utils.logging
    log.disable_progress_bar()  # a command has one bar of its own
    try:
        config = transformers.AutoConfig.from_pretrained(model, **OPTIONS)
        is_video = any(kind.endswith("ForVideoClassification") for kind in config.architectures or ())
        kind = (
            transformers.AutoModelForVideoClassification if is_video else transformers.AutoModelForImageClassification
        )
        network, told = kind.from_pretrained(
            model, use_safetensors=True, output_loading_info=True, dtype=torch.float32, **OPTIONS
        )
        processors: Any = transformers.AutoImageProcessor
        prepare = processors.from_pretrained(model, **OPTIONS)
    except Exception as error:  # a folder of someone else's makes the library raise anything
        raise WeightsError(
            f"{model!r} is no classifier that can be used: a folder, or a model's name in the local cache (fetch it "
            "with `hf download` first), with config.json, preprocessor_config.json and model.safetensors; code and "
            f"pickled weights are refused. It says: {' '.join(str(error).split())[:200] or repr(error)}"
        ) from error
    if lacking := [*told["missing_keys"], *told["mismatched_keys"], *told["unexpected_keys"]]:
        raise WeightsError(
            f"{model} does not hold the tensors of {type(network).__name__}: {sorted(map(str, lacking))[:4]}"
        )
    n_frames = int(getattr(config, "num_frames", N_PICTURES)) if is_video else None
    return Classifier(network=network.eval().requires_grad_(False), prepare=prepare, n_frames=n_frames)


def fake_index(labels: Mapping[int, str], wanted: str, *, detector: str) -> int:
    """Return the number of the label that means synthetic; ConfigError unless exactly one is meant."""
    if len(labels) < 2:
        raise ConfigError(f"the model of the detector {detector!r} tells no two classes apart: {dict(labels)}")
    if wanted:
        meant = [index for index, label in labels.items() if wanted in {label, str(index)}]
    else:
        meant = [index for index, label in labels.items() if _says_fake(label)]
        others = [index for index, label in labels.items() if label.lower() != "real"]
        meant = others if not meant and len(labels) == 2 else meant
    if len(meant) != 1:
        asked = f"{wanted!r} is not one of" if wanted else "no single one says fake of"
        raise ConfigError(
            f"{asked} the labels of the detector {detector!r}: {', '.join(labels.values())}; write hf:MODEL#label"
        )
    return meant[0]


def _says_fake(label: str) -> bool:
    words = set(re.findall(r"[a-z]+", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", label).lower()))
    return bool(words & FAKE_WORDS) and not words & DENIALS


def _score(observation: Observation, *, model: str, index: int) -> float:
    classifier = load_classifier(model)
    faces = face_pictures(observation, size_px=SIZE_PX, n=classifier.n_frames or N_PICTURES)
    return probability_of(classifier, index, faces)


def probability_of(classifier: Classifier, index: int, faces: NDArray[np.uint8]) -> float:
    """The label's probability for faces (n, h, w, 3) uint8 RGB: as one video, or the mean over pictures."""
    if classifier.n_frames is not None:
        places = np.linspace(0, len(faces) - 1, classifier.n_frames).round().astype(int)
        faces = faces[places]
    prepared = classifier.prepare(list(faces), return_tensors="pt", input_data_format="channels_last")["pixel_values"]
    if classifier.n_frames is not None and prepared.ndim == 4:  # prepared as pictures; a video has one axis more
        prepared = prepared[None]
    with torch.inference_mode(), one_thread():
        logits = classifier.network(pixel_values=prepared).logits
        return float(torch.softmax(logits.double(), dim=1)[:, index].mean())


def _digest(model: str) -> str:
    """The weights' sha256 in words, where they are one file in a folder."""
    file = Path(model) / "model.safetensors"
    if not file.is_file():
        return ""
    with file.open("rb") as content:
        return f" (sha256 {hashlib.file_digest(content, 'sha256').hexdigest()})"
