"""A page in the browser: a portrait and a voice in, the talking video and its scores out.

It is served to this machine alone, one video at a time, needs no network, and forgets what it was given when it ends.
"""

import argparse
import contextlib
import importlib.util
import logging
import os
import signal
import socket
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from curate.errors import ConfigError, EmoforgeError
from pipelines.sample_config import SampleConfig

if TYPE_CHECKING:
    from pipelines.provenance import Provenance
    from pipelines.sample_work import Sampler
    from pipelines.studio_page import Made, Make, Offer
    from pipelines.studio_request import Wish
    from pipelines.studio_work import OnFrame

log = logging.getLogger(__name__)

CONFIG = SampleConfig
LOOPBACK = ("127.0.0.1", "localhost", "::1")
SAY_SO = "This video is AI-generated. Say so wherever you show it."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Name the model and where the page is."""
    parser.add_argument(
        "--checkpoint",
        required=True,
        type=Path,
        metavar="T",
        help="run folder of emoforge train, or one checkpoint in it",
    )
    parser.add_argument("--port", type=int, default=7860, metavar="N", help="of the page (default: 7860)")
    parser.add_argument(
        "--host",
        default="127.0.0.1",
        metavar="H",
        help="address to listen on (default: 127.0.0.1, this machine alone); the page has no password",
    )


def run(args: argparse.Namespace, config: SampleConfig) -> None:
    """Load the model and serve the page until Ctrl-C."""
    _check_address(args.host, args.port)
    if importlib.util.find_spec("gradio") is None:
        raise EmoforgeError("the page needs the package gradio; install it with: pip install 'emoforge[studio]'")

    from curate import weights
    from evaluate.observation import FACE_WEIGHTS
    from pipelines.sample_work import open_sampler

    for name in FACE_WEIGHTS:
        weights.path(name)
    sampler = open_sampler(args.checkpoint, config)
    with _private_gradio(), _ended_by_signals() as ended:
        from pipelines.studio_page import build_page, launch_settings
        from pipelines.studio_scores import score
        from pipelines.studio_work import Worker

        worker = Worker()
        page = build_page(
            _offer(sampler, args.checkpoint, config), make=_make(sampler, config), score=score, worker=worker
        )
        page.launch(server_name=args.host, server_port=args.port, prevent_thread_lock=True, **launch_settings())
        print(f"emoforge studio is at {page.local_url} (Ctrl-C ends it)", flush=True)
        if args.host not in LOOPBACK:
            log.warning("whoever reaches %s port %d can use this page: it has no password", args.host, args.port)
        ended.wait()
        worker.close()
        page.close(verbose=False)


def _check_address(host: str, port: int) -> None:
    if not 1 <= port <= 65_535:
        raise ConfigError(f"--port must be in 1-65535, not {port}")
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        raise ConfigError(
            f"can't listen on {host} port {port}: {error.strerror or error}; name another with --port or --host"
        ) from error


@contextlib.contextmanager
def _private_gradio() -> Iterator[None]:
    """Let gradio send nothing home, and keep uploads and videos in a folder that goes when this ends."""
    with tempfile.TemporaryDirectory(prefix="emoforge-studio-", ignore_cleanup_errors=True) as folder:
        os.environ |= {  # read by gradio when it is imported
            "GRADIO_ANALYTICS_ENABLED": "False",
            "HF_HUB_DISABLE_TELEMETRY": "1",
            "GRADIO_TEMP_DIR": folder,
        }
        yield


@contextlib.contextmanager
def _ended_by_signals() -> Iterator[threading.Event]:
    """Give an event that Ctrl-C or a polite kill sets."""
    ended = threading.Event()
    before = {number: signal.signal(number, lambda *_: ended.set()) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield ended
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _offer(sampler: "Sampler", checkpoint: Path, config: SampleConfig) -> "Offer":
    from pipelines.speak import can_speak
    from pipelines.studio_page import Offer
    from pipelines.studio_request import wish_of
    from train.head_speed import DEFAULT_DEG
    from train.schedulers import SCHEDULERS

    return Offer(
        model=f"{checkpoint} ({sampler.name})",
        start=wish_of(config, speed_deg=DEFAULT_DEG),
        schedulers=tuple(SCHEDULERS),
        has_speed=sampler.has_speed,
        can_say=can_speak(config.speech_command),
    )


def _make(sampler: "Sampler", config: SampleConfig) -> "Make":
    """Return what makes a wish's video in a folder."""
    from pipelines.studio_page import Made
    from pipelines.studio_request import settings_of, to_request

    def make(wish: "Wish", folder: Path, on_frame: "OnFrame") -> "Made":
        configured = sampler.configured(settings_of(wish, config))
        request = to_request(wish, folder, has_speed=sampler.has_speed, speech_command=config.speech_command)
        sampled = configured.sample(request, on_frame=on_frame)
        return Made(
            video=sampled.video,
            n_frames=sampled.n_frames,
            seconds=sampled.took_s,
            statement=_statement(sampled.video, sampled.provenance),
        )

    return make


def _statement(video: Path, made: "Provenance") -> tuple[str, ...]:
    """Say what the video is, and what its file says of it."""
    from pipelines.content_credentials import can_sign, read_credentials
    from pipelines.provenance import tags

    signed = can_sign() and read_credentials(video).state == "valid"
    manifest = " It carries a signed C2PA manifest that shows when it was changed." if signed else ""
    consent = () if made.consent_ref else ("Make a person talk only with their consent.",)
    return SAY_SO, f"Its file says: “{tags(made)['comment']}”{manifest}", *consent
