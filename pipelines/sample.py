"""A portrait and a voice in, a talking video out: as long as the sound, and carrying it unchanged.

Several at once: --batch rows.csv, with the columns portrait, audio, out and, where wanted, box, face_region, speed,
seed, consent_ref, vocals. Paths in it are relative to it. A row whose video is there is skipped, so the same command
goes on where it stopped; outcomes.csv beside it says of each row whether it is done, or why not.

Every video says that it is AI-generated, and of what: in its tags, and in a signed C2PA manifest that emoforge doctor
reads. Without a certificate of yours it is signed by a key that is made on this machine, which shows tampering but
proves nobody's name: verifiers call it untrusted.
"""

import argparse
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

from curate.errors import ConfigError
from pipelines.sample_config import SampleConfig, check

CONFIG = SampleConfig
IN_ROWS = ("portrait", "audio", "say", "song", "vocals", "out", "box", "face_region")  # what a batch has in its rows


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Name the model, the portrait, the voice and the video."""
    parser.add_argument(
        "--checkpoint",
        required=True,
        type=Path,
        metavar="T",
        help="run folder of emoforge train, or one checkpoint in it",
    )
    parser.add_argument("--portrait", type=Path, metavar="P", help="a picture of one face, of any size")
    parser.add_argument("--audio", type=Path, metavar="A", help="sound, or a video with sound, of up to an hour")
    parser.add_argument("--say", metavar="TEXT", help="words to speak, by an installed speech program (speech_command)")
    parser.add_argument(
        "--song", type=Path, metavar="MIX", help="music with a voice: the voice drives the mouth, all of it is heard"
    )
    parser.add_argument(
        "--vocals", type=Path, metavar="V", help="the voice alone, which drives the mouth while --audio is heard"
    )
    parser.add_argument("--separate", action="store_true", help="take the voice out of --audio first, as --song does")
    parser.add_argument("--out", type=Path, metavar="V.mp4", help="the video to write")
    parser.add_argument("--batch", type=Path, metavar="ROWS.csv", help="several videos: one row each, see above")
    parser.add_argument(
        "--box", metavar="L,T,R,B", help="the face in px of the upright portrait, for a drawn or painted one"
    )
    parser.add_argument(
        "--face-region",
        metavar="R",
        help="where the face may move: a box, a mask picture of the portrait's size, or all (default: the face's box)",
    )
    parser.add_argument(
        "--speed",
        metavar="S",
        help="how fast the head turns, degrees a frame: 0.5, or 0:0.2,4:1 (second:degrees), or a CSV of both; "
        "only for models of stage speed",
    )
    parser.add_argument(
        "--paste-back", action="store_true", help="put the animated face back into the full picture (up to 2048 px)"
    )
    parser.add_argument(
        "--consent-ref", metavar="TEXT", help="where the consent of the person in the portrait is recorded"
    )


def run(args: argparse.Namespace, config: SampleConfig) -> None:
    """Check the inputs, cheapest first, then sample and write the videos."""
    check(config)
    if args.batch is not None:
        _run_batch(args, config)
        return
    _check_single(args)

    from pipelines.sample_requests import check_request, request_of
    from pipelines.sample_work import open_sampler

    with _said(args.say, config) as said, _bar("frame") as bar:
        cells = {name: getattr(args, name) for name in ("portrait", "out", "vocals", "box", "face_region", "speed")}
        cells |= {"audio": said or args.audio or args.song, "consent_ref": args.consent_ref}
        request = request_of(
            cells, folder=Path(), paste_back=args.paste_back, separate=args.separate or args.song is not None
        )
        check_request(request)
        _remind(consent_given=request.consent_ref is not None)
        sampled = open_sampler(args.checkpoint, config).sample(request, on_frame=bar)
    print(f"{sampled.video}: {sampled.n_frames} frames, {sampled.duration_s:.2f} s")


def _run_batch(args: argparse.Namespace, config: SampleConfig) -> None:
    given = [f"--{name.replace('_', '-')}" for name in IN_ROWS if getattr(args, name) is not None]
    if given:
        raise ConfigError(f"{', '.join(given)} can't stand beside --batch: each row of the CSV names its own")

    from pipelines.provenance import checked_reference
    from pipelines.sample_batch import Batch, read_rows, sample_rows
    from pipelines.sample_work import open_sampler
    from train.head_speed import read_speed

    rows = read_rows(args.batch)
    checked_reference(args.consent_ref)
    if args.speed is not None:
        read_speed(args.speed)
    batch = Batch(
        folder=args.batch.parent,
        defaults={"speed": args.speed, "consent_ref": args.consent_ref},
        paste_back=args.paste_back,
        separate=args.separate,
    )
    _remind(consent_given=args.consent_ref is not None or all(row.get("consent_ref") for row in rows))
    with _bar("video") as bar:
        done = sample_rows(rows, batch, open_sampler(args.checkpoint, config), on_part=bar)
    print(f"{args.batch}: {done} videos are done")


def _check_single(args: argparse.Namespace) -> None:
    for name in ("portrait", "out"):
        if getattr(args, name) is None:
            raise ConfigError(f"--{name} is missing; a video needs --portrait, --audio (or --say, --song) and --out")
    sounds = [f"--{name}" for name in ("audio", "say", "song") if getattr(args, name) is not None]
    if len(sounds) != 1:
        given = f"{' and '.join(sounds)} are given" if sounds else "there is nothing to speak"
        raise ConfigError(f"{given}; give one of --audio FILE, --say TEXT and --song MIX")
    if args.audio is None and (args.vocals is not None or args.separate):
        raise ConfigError("--vocals and --separate go with --audio; --song takes the voice out by itself")
    if args.vocals is not None and args.separate:
        raise ConfigError("--vocals is the voice alone already; leave --separate out")


def _remind(*, consent_given: bool) -> None:
    if not consent_given:
        print(
            "Reminder: make a person talk only with their consent, and name where it is recorded: --consent-ref TEXT. "
            "It is written into the video."
        )


@contextmanager
def _said(text: str | None, config: SampleConfig) -> Iterator[Path | None]:
    """Give a sound file of the words, as long as the block lasts."""
    if text is None:
        yield None
        return
    from pipelines.speak import speak

    with tempfile.TemporaryDirectory(prefix="emoforge-say-") as folder:
        yield speak(text, Path(folder) / "speech.wav", command=config.speech_command)


@contextmanager
def _bar(unit: str) -> Iterator[Callable[[float, int], None]]:
    """Give what shows (done, of all) in the one bar of the command, which appears at the first call."""
    from tqdm import tqdm

    bars: list[tqdm[NoReturn]] = []

    def show(done: float, total: int) -> None:
        if not bars:
            bars.append(
                tqdm(
                    desc="sample",
                    total=total,
                    unit=unit,
                    unit_scale=unit == "video",  # of which parts are done
                    file=sys.stderr,
                    dynamic_ncols=True,
                    mininterval=0.2,
                )
            )
        bars[0].update(done - bars[0].n)

    try:
        yield show
    finally:
        for bar in bars:
            bar.close()
