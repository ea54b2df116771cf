"""Whether a model learns: one clip by heart, its own voice and first frame in, beside an untrained model and a still.

    python benchmarks/overfit.py VIDEO [--out DIR] [--preset tiny] [--image 400] [--video-steps 1500] [--seed 0]

Everything goes through the commands that a user has: curate, train (stages image and video), sample, evaluate. Prints
evaluate's table of three systems against the clip itself, and fails unless the sampled mouth follows the clip's at
0.6 or more and the identity is within 0.1 of the clip's own. The same command again goes on where it stopped.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from PIL import Image

from curate.corpus import Corpus, open_corpus
from curate.media import read_frames
from curate.media_writing import write_video
from pipelines.__main__ import main as emoforge
from pipelines.sample_corpus.write import encode_wav

LEAST_CORRELATION, MOST_IDENTITY_LOST = 0.6, 0.1
METRICS = ["mouth_correlation", "sync_correlation", "identity_similarity", "ssim", "psnr", "head_motion"]
SYSTEMS = ("trained", "untrained", "still")
SAMPLED_S = 8.0


def call(*words: object) -> None:
    """Run one emoforge command, or stop."""
    if emoforge([str(word) for word in words]) != 0:
        sys.exit(f"emoforge {words[0]} failed")


def write_drive(corpus: Corpus, out: Path) -> tuple[Path, Path]:
    """Write the clip itself, its first frame and its voice; return the portrait and the voice."""
    ref = corpus.clips[0]
    frames = [frame.image for frame in read_frames(corpus.video(ref), end_s=SAMPLED_S)]
    samples = corpus.audio(ref)[: round(SAMPLED_S * 16_000)]
    for folder in ("real", "portraits", *SYSTEMS):
        (out / folder).mkdir(exist_ok=True)
    portrait, voice = out / "portraits" / "clip.png", out / "voice.wav"
    Image.fromarray(frames[0]).save(portrait)
    voice.write_bytes(encode_wav(samples))
    write_video(out / "real" / "clip.mp4", frames, audio=samples)
    write_video(out / "still" / "clip.mp4", [frames[0]] * len(frames), audio=samples)
    return portrait, voice


def train(options: argparse.Namespace) -> None:
    """Train stage image, then video, and a model that learned nothing beside them."""
    corpus = options.out / "corpus"
    seed = ("--preset", options.preset, "--seed", options.seed, "--split", "all", "--max_clips", 1)
    image, video, nothing = (options.out / name for name in ("image", "video", "nothing"))
    call("train", "--shards", corpus, "--stage", "image", "--out", image, "--steps", options.image, *seed)
    going_on = ("--shards", corpus, "--stage", "video", "--init-from", image)
    call("train", *going_on, "--out", video, "--steps", options.video_steps, *seed)
    barely = ("--steps", 1, "--batch_size", 1, "--optimizer.learning_rate", 1e-12)
    call("train", "--shards", corpus, "--stage", "video", "--out", nothing, *barely, *seed)


def evaluate(out: Path) -> dict[str, dict[str, Any]]:
    """Score the three systems against the clip; return system -> metric -> result, as in results.json."""
    systems = [word for name in SYSTEMS for word in ("--generated", f"{name}={out / name}")]
    where = ("--reference", out / "real", "--portraits", out / "portraits", "--out", out / "scores")
    call("evaluate", *where, *systems, "--metrics", json.dumps(METRICS))
    found: dict[str, dict[str, Any]] = json.loads((out / "scores" / "results.json").read_text())["systems"]
    return found


def learned(systems: dict[str, dict[str, Any]]) -> bool:
    """Print the table and return whether the trained model meets both marks."""
    print(f"{'':<22}{'clip':>10}" + "".join(f"{name:>12}" for name in SYSTEMS))
    for metric in METRICS:
        own = systems["trained"][metric]["reference_value"]
        values = [systems[name][metric]["value"] for name in SYSTEMS]
        print(f"{metric:<22}{_number(own and own['value']):>10}" + "".join(f"{_number(value):>12}" for value in values))
    follows = systems["trained"]["mouth_correlation"]["value"] or 0.0
    identity = systems["trained"]["identity_similarity"]
    lost = identity["reference_value"]["value"] - (identity["value"] or 0.0)
    print(f"mouth follows at {follows:.2f} (at least {LEAST_CORRELATION}); identity lost {lost:.3f} (at most 0.1)")
    return bool(follows >= LEAST_CORRELATION and lost <= MOST_IDENTITY_LOST)


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def main() -> int:
    """Run all of it; 0 when the model learned, 1 when it did not."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("video", type=Path)
    parser.add_argument("--out", type=Path, default=Path("overfit"))
    parser.add_argument("--preset", default="tiny")
    parser.add_argument("--image", type=int, default=400, help="steps of stage image")
    parser.add_argument("--video-steps", type=int, default=1500, help="steps of stage video")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    out = options.out
    call("curate", options.video, "--out", out / "corpus")
    train(options)
    portrait, voice = write_drive(open_corpus(out / "corpus"), out)
    for system, checkpoint in (("trained", out / "video"), ("untrained", out / "nothing")):
        video = out / system / "clip.mp4"
        if not video.exists():
            drive = ("--checkpoint", checkpoint, "--portrait", portrait, "--audio", voice, "--out", video)
            call("sample", *drive, "--seed", options.seed)
    return 0 if learned(evaluate(out)) else 1


if __name__ == "__main__":
    sys.exit(main())
