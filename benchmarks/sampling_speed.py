"""How long a clip of 12 frames takes to sample, what each optimisation gives, and how near that is to what can be.

    python benchmarks/sampling_speed.py [--compile] [--repeats 3]

`tiny` on the CPU with 10 steps, and `sd15` at 512 px with 40 steps of DDIM on CUDA where there is one (the paper: 15 s
a clip, on an A100 18 s), with random weights: the arithmetic is the same. Each row has all that the rows above it have.
The voice is guided (two passes a step) except where a row says otherwise. The limit is the floating-point operations of
the whole clip over the device's peak. --compile adds torch.compile on the CPU too, which takes minutes to compile.
"""

import argparse
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial

import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from train.guidance import encode_passes, guided, passes, sum_of
from train.models.conditions import Conditions, Inputs, PortraitMaps
from train.models.emo import EmoModel
from train.models.presets import PRESETS, SD15, Preset, build
from train.prepared import prepare
from train.schedulers import Denoiser, solve
from train.speech_features import SAMPLES_A_FRAME
from train.stages import CLIP_FRAMES, MOTION_FRAMES

GUIDED = passes(audio=1.5, reference=1.0)
# Dense bf16, from the H200 data sheet (1,979 TFLOP/s with sparsity); float32 rows run far below it by their nature
H200_FLOPS = 989e12
SAME_DB = 40.0  # between ways that compute the same: convolutions of a GPU round to 10 bits even in float32


@dataclass(frozen=True, kw_only=True)
class Way:
    """One way to sample a clip."""

    name: str
    steps: int
    cached: bool = False
    at_once: bool = False
    audio_guidance: float = 1.5
    scheduler: str = "ddim"
    prepared: Callable[[EmoModel], EmoModel] | None = None  # what is done to the model before this row and the next
    exact: bool = True  # computes what the first row does


def ways(device: torch.device, steps: int, *, compiles: bool) -> Iterator[Way]:
    """Each row of the table."""
    way = Way(name="reference encoded each clip, guidance as two calls, eager float32", steps=steps)
    yield way
    yield (way := replace(way, name="+ reference features cached", cached=True))
    yield (way := replace(way, name="+ guidance in one call", at_once=True))
    on_device = replace(way, name="+ channels last", prepared=lambda model: prepare(model, device=device))
    yield (way := on_device)
    if compiles and device.type == "cpu":
        yield (way := replace(way, name="+ torch.compile", prepared=lambda m: prepare(m, compile=True)))
    if device.type == "cuda":
        half = torch.bfloat16
        way = replace(way, exact=False, prepared=lambda model: prepare(model, device=device, dtype=half))
        yield replace(way, name="+ bfloat16")
        yield (way := replace(way, name="+ torch.compile", prepared=_compiled))
    way = replace(way, prepared=None, exact=False)
    yield replace(way, name="no guidance: one pass a step", audio_guidance=1.0)
    for scheduler, fewer in (("dpm++", steps // 2), ("unipc", steps // 2), ("unipc", steps // 4)):
        yield replace(way, name=f"{scheduler}, {fewer} steps", scheduler=scheduler, steps=fewer)


def _compiled(model: EmoModel) -> EmoModel:
    """Compile what an earlier row has prepared."""
    model.backbone.compile()
    return model


def made_inputs(sizes: Preset, model: EmoModel, device: torch.device) -> Inputs:
    """A clip in the middle of a video: pictures and sound of noise."""
    generator = torch.Generator().manual_seed(0)

    def noise(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator).to(device)

    pictures = noise(1, 1 + MOTION_FRAMES, 3, sizes.image_px, sizes.image_px).clamp(-1, 1)
    latents = model.latents.encode(pictures)
    sound = noise(1, (CLIP_FRAMES + 2 * model.speech.margin_frames) * SAMPLES_A_FRAME) / 10
    return Inputs(
        reference=latents[:, 0],
        face_mask=torch.ones(1, 1, sizes.image_px, sizes.image_px, device=device),
        motion=latents[:, 1:],
        motion_given=torch.ones(1, device=device),
        audio=model.speech(sound),
    )


@torch.no_grad()
def clip(model: EmoModel, inputs: Inputs, way: Way, portrait: PortraitMaps) -> Tensor:
    """Sample the frames (1, 12, 3, S, S)."""
    needed = passes(audio=way.audio_guidance, reference=1.0)
    known = portrait if way.cached else model.encode_portrait(inputs.reference)
    shown = encode_passes(model, needed, inputs, portrait=known, nobody=known)
    denoise = guided(model, needed, shown) if way.at_once else one_by_one(model, shown)
    noise = torch.randn(1, CLIP_FRAMES, *inputs.reference.shape[1:], generator=torch.Generator().manual_seed(1))
    latents = solve(
        denoise,
        noise.to(inputs.reference),
        scheduler=way.scheduler,
        steps=way.steps,
        schedule=model.schedule,
        limit=model.latents.limit,
    )
    frames: Tensor = model.latents.decode(latents)
    return frames


def one_by_one(model: EmoModel, shown: list[Conditions]) -> Denoiser:
    """Return the guided denoiser that calls the model once a pass."""

    def denoise(latents: Tensor, timesteps: Tensor) -> Tensor:
        return sum_of(GUIDED, [model.denoise(latents, timesteps, conditions) for conditions in shown])

    return denoise


def seconds(work: Callable[[], object], device: torch.device, repeats: int) -> float:
    """The median of `repeats`, after one that warms up; on a CPU the time of its one core, whatever else runs there."""
    spent = []
    for _ in range(repeats + 1):
        started = _now(device)
        work()
        spent.append(_now(device) - started)
    return statistics.median(spent[1:])


def _now(device: torch.device) -> float:
    if device.type == "cpu":
        return time.process_time()
    torch.cuda.synchronize()
    return time.perf_counter()


def operations(sizes: Preset, way: Way) -> float:
    """Count the floating-point operations of a clip, on a model without weights."""
    with torch.device("meta"), torch.no_grad():
        model = build(sizes, frozen="random").eval()
        side = sizes.image_px
        inputs = Inputs(
            reference=torch.zeros(1, model.latents.channels, side // sizes.latent_factor, side // sizes.latent_factor),
            face_mask=torch.zeros(1, 1, side, side),
            motion=torch.zeros(1, MOTION_FRAMES, model.latents.channels, *[side // sizes.latent_factor] * 2),
            motion_given=torch.ones(1),
            audio=model.speech(torch.zeros(1, (CLIP_FRAMES + 2 * model.speech.margin_frames) * SAMPLES_A_FRAME)),
        )
        needed = passes(audio=way.audio_guidance, reference=1.0)
        portrait = model.encode_portrait(inputs.reference)
        noisy = torch.zeros(1, CLIP_FRAMES, *inputs.reference.shape[1:])
        with FlopCounterMode(display=False) as once:
            shown = encode_passes(model, needed, inputs, portrait=portrait, nobody=portrait)
            model.latents.decode(noisy)
        with FlopCounterMode(display=False) as each:
            guided(model, needed, shown)(noisy, torch.zeros(1, dtype=torch.long))
    return float(once.get_total_flops() + way.steps * each.get_total_flops())


def matmul_peak(device: torch.device, side: int = 1024) -> float:
    """The floating-point operations a second of a large float32 matrix product: the most this device does."""
    left = torch.randn(side, side, device=device)
    return 2 * side**3 / min(seconds(lambda: left @ left, device, 1) for _ in range(5))


def psnr_db(frames: Tensor, expected: Tensor) -> float:
    """Of frames in [-1, 1]."""
    return float(10 * torch.log10(4 / (frames - expected).square().mean().clamp_min(1e-12)))


def table(sizes: Preset, device: torch.device, *, steps: int, peak: float, compiles: bool, repeats: int) -> None:
    """Print a row a way; fail where one that must gives other frames."""
    torch.manual_seed(0)
    model = _awake(build(sizes, frozen="random").eval().to(device))
    inputs = made_inputs(sizes, model, device)
    print(f"\n{sizes.name}, {sizes.image_px} px, {CLIP_FRAMES} frames, {steps} steps of DDIM, {device}")
    print(f"peak {peak / 1e12:.3g} TFLOP/s")
    print(f"{'':<68} s/clip  frames/s  TFLOP  limit s  share  PSNR dB")
    expected: Tensor | None = None
    for way in ways(device, steps, compiles=compiles):
        model = model if way.prepared is None else way.prepared(model)
        with torch.no_grad():
            work = partial(clip, model, inputs, way, model.encode_portrait(inputs.reference))
        frames = work().cpu()
        expected = frames if expected is None else expected
        likeness_db = psnr_db(frames, expected)
        assert not way.exact or likeness_db > SAME_DB, f"{way.name}: {likeness_db:.1f} dB"
        took, flops = seconds(work, device, repeats), operations(sizes, way)
        print(
            f"{way.name:<68} {took:6.2f} {CLIP_FRAMES / took:9.2f} {flops / 1e12:6.3g} {flops / peak:8.3g} "
            f"{flops / peak / took:6.1%} {likeness_db:8.1f}",
            flush=True,
        )


def _awake(model: EmoModel) -> EmoModel:
    """Move every weight off its start: half of a new model's layers begin as zeros, and do nothing."""
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if not name.startswith(("latents.", "speech.")):
                parameter.add_(0.01 * torch.randn_like(parameter))
    return model


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    torch.set_num_threads(1)
    cpu, cuda = torch.device("cpu"), torch.device("cuda")
    peak = matmul_peak(cpu)
    table(PRESETS["tiny"], cpu, steps=10, peak=peak, compiles=options.compile, repeats=options.repeats)
    goal = operations(SD15, Way(name="", steps=40))
    alone = operations(SD15, Way(name="", steps=40, audio_guidance=1.0))
    print(
        f"\nsd15, 512 px, 12 frames, 40 steps: {goal / 1e12:.0f} TFLOP a clip with guidance, {alone / 1e12:.0f} "
        f"without; an H200 takes at least {goal / H200_FLOPS:.2f} s, {alone / H200_FLOPS:.2f} s"
    )
    if not torch.cuda.is_available():
        print("sd15: skipped: no CUDA device")
        return
    peak = H200_FLOPS if "H200" in torch.cuda.get_device_name() else matmul_peak(cuda, 8192)
    table(SD15, cuda, steps=40, peak=peak, compiles=True, repeats=options.repeats)


if __name__ == "__main__":
    main()
