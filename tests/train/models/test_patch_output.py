"""The patch output: noise and v say the same of the picture, at any step, with a portrait or without."""

import pytest
import torch

from train.models.patch_output import PatchOutput
from train.noise_schedule import Schedule, noise_schedule

SCHEDULE = Schedule(betas="scaled_linear")
V = Schedule(betas="scaled_linear", prediction_type="v_prediction")


def clip(seed: int) -> torch.Tensor:
    return torch.randn(1, 2, 3, 4, 4, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("step", [0, 300, 999])
def test_v_is_what_the_schedule_makes_of_the_predicted_noise(step: int) -> None:
    noisy, change, timesteps = clip(0), clip(1), torch.tensor([step])
    noise = PatchOutput(3, SCHEDULE, unexplained=0.2)(change, noisy, timesteps, clip(2)[:, 0])
    scheduler = noise_schedule(SCHEDULE)
    a = scheduler.alphas_cumprod[step].sqrt()
    clean = (noisy - (1 - a**2).sqrt() * noise) / a
    found = PatchOutput(3, V, unexplained=0.2)(change, noisy, timesteps, clip(2)[:, 0])
    assert torch.allclose(found, scheduler.get_velocity(clean, noise, timesteps), atol=2e-4)


def test_a_perfect_estimate_gives_the_noise_where_there_is_much_of_it() -> None:
    clean, noise, timesteps = clip(0), clip(1), torch.tensor([900])
    noisy = noise_schedule(SCHEDULE).add_noise(clean, noise, timesteps)
    found = PatchOutput(3, SCHEDULE, unexplained=0.01)(clean, noisy, timesteps, torch.zeros(1, 3, 4, 4))
    assert torch.allclose(found, noise, atol=1e-3)


def test_at_a_step_of_pure_noise_v_is_the_picture_negated() -> None:
    pure = Schedule(betas="scaled_linear", prediction_type="v_prediction", zero_snr=True)
    found = PatchOutput(3, pure, unexplained=0.2)(clip(0), clip(1), torch.tensor([999]), torch.zeros(1, 3, 4, 4))
    assert torch.allclose(found, -clip(0), atol=1e-3)


def test_the_gate_lets_the_portrait_through_and_no_portrait_passes_no_gate() -> None:
    output, nobody, somebody = PatchOutput(3, SCHEDULE, unexplained=0.2), torch.zeros(1, 3, 4, 4), clip(2)[:, 0]

    def found(portrait: torch.Tensor) -> torch.Tensor:
        with torch.no_grad():
            return output(clip(0), clip(1), torch.tensor([500]), portrait)

    shut = found(somebody)
    assert torch.equal(shut, found(nobody))
    torch.nn.init.constant_(output.gate, 0.1)
    assert torch.equal(found(nobody), shut)
    assert not torch.allclose(found(somebody), shut, atol=0.1)
