"""How fast FID's features come out of a video: our stream of frames against torch-fidelity on the same frames.

    python benchmarks/inception_features.py VIDEO [--frames 64] [--threads 1]

The weights are random, which costs the same. torch-fidelity is given the frames decoded and in batches of 16; ours
decodes them, and takes them one at a time.
"""

import argparse
import os
import time
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from torchvision.models import inception_v3

from curate.media import read_frames
from evaluate.features.inception_2015 import preprocess
from evaluate.networks.inception_2015 import build_extractor, build_inception_2015

BATCH = 16


def main() -> None:
    """Time both and print frames a second."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("video", type=Path)
    parser.add_argument("--frames", type=int, default=64)
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    state = random_state()
    with torch.inference_mode():
        ours, n = streamed(args.video, args.frames, state)
        theirs = in_batches(args.video, n, state)
    print(f"{n} frames, {args.threads} threads, {os.cpu_count()} cores")
    print(f"ours, decoding included        {n / ours:6.2f} frames/s")
    print(f"torch-fidelity, batches of {BATCH}  {n / theirs:6.2f} frames/s   {theirs / ours:.2f} times our time")


def streamed(video: Path, n: int, state: dict[str, torch.Tensor]) -> tuple[float, int]:
    """Return the seconds, and how many frames there were."""
    network = build_inception_2015(state)
    network(preprocess(np.zeros((64, 64, 3), np.uint8)))
    began = time.perf_counter()
    rows = [network(preprocess(frame.image)).flatten().numpy() for frame in islice(read_frames(video), n)]
    return time.perf_counter() - began, len(rows)


def in_batches(video: Path, n: int, state: dict[str, torch.Tensor]) -> float:
    """Return the seconds of its network alone."""
    network = build_extractor(state)
    images = [torch.from_numpy(frame.image.copy()).permute(2, 0, 1) for frame in islice(read_frames(video), n)]
    network(images[0][None])
    began = time.perf_counter()
    for at in range(0, n, BATCH):
        network(torch.stack(images[at : at + BATCH]))
    return time.perf_counter() - began


def random_state() -> dict[str, torch.Tensor]:
    """Return random weights under the published names and shapes, which are torchvision's."""
    torch.manual_seed(0)
    return inception_v3(num_classes=1008, aux_logits=False, weights=None, init_weights=False).state_dict()


if __name__ == "__main__":
    main()
