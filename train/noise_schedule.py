"""The noise schedule that training and sampling share."""

from dataclasses import dataclass
from typing import Literal

from diffusers import DDPMScheduler

PredictionType = Literal["epsilon", "v_prediction"]


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """How noise is added over 1000 steps, and what of it a model predicts."""

    betas: Literal["linear", "scaled_linear"] = "linear"  # DDPM's (Ho et al. 2020), or Stable Diffusion's
    prediction_type: PredictionType = "epsilon"
    zero_snr: bool = False  # the last step is pure noise (arXiv 2305.08891); needs v_prediction


_BETA_ENDS = {"linear": (1e-4, 0.02), "scaled_linear": (0.00085, 0.012)}


def noise_schedule(schedule: Schedule) -> DDPMScheduler:
    """Return the schedule as diffusers' own.

    Stable Diffusion's leaves 7 % of the picture at its last step, which a sampler that starts from noise never sees;
    DDPM's linear one leaves next to nothing, so it is what models begin with that have no pretrained weights to suit.
    """
    first, last = _BETA_ENDS[schedule.betas]
    return DDPMScheduler(
        num_train_timesteps=1000,
        beta_start=first,
        beta_end=last,
        beta_schedule=schedule.betas,
        prediction_type=schedule.prediction_type,
        rescale_betas_zero_snr=schedule.zero_snr,
    )
