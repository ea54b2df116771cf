"""Where published networks come from, and how one is opened: safetensors only, every key accounted for."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from torch import nn

from curate import weights
from curate.errors import WeightsError


@dataclass(frozen=True, kw_only=True)
class Pretrained:
    """Each is a folder in diffusers' (wav2vec2: transformers') format, or a name on the hub.

    A folder of EMOFORGE_WEIGHTS that is called like the name's last part goes before the hub.
    """

    unet: str = "stable-diffusion-v1-5/stable-diffusion-v1-5"  # the pipeline, or its unet alone
    motion_adapter: str = "guoyww/animatediff-motion-adapter-v1-5-2"
    vae: str = "stabilityai/sd-vae-ft-mse"
    taesd: str = "madebyollin/taesd"
    wav2vec2: str = "facebook/wav2vec2-base-960h"


def open_published(
    kind: Any,  # a class of diffusers or transformers with from_pretrained
    source: str,
    *,
    subfolder: str = "",
    may_lack: Iterable[str] = (),
    may_ignore: tuple[str, ...] = (),
) -> Any:
    """Return a `kind` with all its weights from `source`, or its `subfolder` where there is one.

    WeightsError when it can't be had or isn't of safetensors, and when a key is missing (but for `may_lack`), left over
    (but for those that begin with one of `may_ignore`) or of another shape.
    """
    place = _place(source)
    nested = subfolder if not place.is_dir() or (place / subfolder).is_dir() else ""
    try:
        network, info = kind.from_pretrained(
            str(place) if place.is_dir() else source, subfolder=nested, use_safetensors=True, output_loading_info=True
        )
    except (OSError, ValueError, RuntimeError, TypeError, KeyError, SafetensorError) as error:
        raise WeightsError(
            f"can't load {kind.__name__} from {source!r}: {_first_line(error)}. Give a folder in the format that "
            f"save_pretrained writes, with safetensors, or put one called {Path(source).name} into EMOFORGE_WEIGHTS"
        ) from error
    missing = sorted(set(info["missing_keys"]) - set(may_lack))
    unused = sorted(key for key in info["unexpected_keys"] if not key.startswith(may_ignore))
    misshapen = sorted(map(str, info["mismatched_keys"]))
    for what, keys in (
        ("lacks", missing),
        ("holds also", unused),
        ("differs in shape at", misshapen),
    ):
        if keys:
            raise WeightsError(f"{source!r} is not a whole {kind.__name__}: it {what} {listed(keys)}")
    return network


def digest(network: nn.Module) -> str:
    """Return eight characters that tell the network's weights from others, whatever its library calls them."""
    tensors = (value.detach().float().cpu().contiguous().numpy() for value in network.state_dict().values())
    each = sorted(hashlib.sha256(tensor.data).digest() for tensor in tensors)
    return hashlib.sha256(b"".join(each)).hexdigest()[:8]


def listed(keys: Iterable[str], *, at_most: int = 8) -> str:
    """Return the keys as text, the first of them and how many more where they are many."""
    keys = list(keys)
    more = f" and {len(keys) - at_most} more" if len(keys) > at_most else ""
    return ", ".join(keys[:at_most]) + more


def _place(source: str) -> Path:
    folders, cache = weights.folders()
    candidates = [Path(source), *(folder / Path(source).name for folder in (*folders, cache))]
    return next((folder for folder in candidates if folder.is_dir()), Path(source))


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0].rstrip(".:")[:300] if lines else type(error).__name__
