"""The optimisers: AdamW, or with states of 8 bits where bitsandbytes is installed."""

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor

from curate.errors import EmoforgeError
from train.plan import OptimizerKind, Plan

# kind of state -> whether it has the parameter's own shape; `load` refuses any other
STATES: Mapping[OptimizerKind, Mapping[str, bool]] = {
    "adamw": {"step": False, "exp_avg": True, "exp_avg_sq": True},
    "adamw_8bit": {
        "step": False,
        "state1": True,
        "state2": True,
        **dict.fromkeys(("qmap1", "qmap2", "absmax1", "absmax2"), False),
    },
}


def build_optimizer(plan: Plan, parameters: Iterable[Tensor]) -> torch.optim.Optimizer:
    """Return the plan's optimiser; EmoforgeError names the package that is not installed."""
    betas = (0.9, plan.beta2)
    if plan.optimizer == "adamw":
        return torch.optim.AdamW(
            parameters, lr=plan.learning_rate, betas=betas, weight_decay=plan.weight_decay, fused=True
        )
    try:
        from bitsandbytes.optim import AdamW8bit
    except ImportError as error:
        raise EmoforgeError(
            f"optimizer.kind adamw_8bit needs the package bitsandbytes, which can't be imported ({error}): "
            "pip install bitsandbytes, or take optimizer.kind adamw"
        ) from error
    eight_bit: torch.optim.Optimizer = AdamW8bit(
        parameters, lr=plan.learning_rate, betas=betas, weight_decay=plan.weight_decay
    )
    return eight_bit
