"""The optimisers: AdamW, or with states of 8 bits where bitsandbytes is installed."""

import importlib.util
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


def check_optimizer(kind: OptimizerKind) -> None:
    """EmoforgeError that names the package where one is missing."""
    if kind == "adamw_8bit" and importlib.util.find_spec("bitsandbytes") is None:
        raise EmoforgeError(
            "optimizer.kind adamw_8bit needs the package bitsandbytes, which is not installed: "
            "pip install bitsandbytes, or take optimizer.kind adamw"
        )


def build_optimizer(plan: Plan, parameters: Iterable[Tensor]) -> torch.optim.Optimizer:
    """Return the plan's optimiser, whose package must be there (`check_optimizer`)."""
    betas = (0.9, plan.beta2)
    if plan.optimizer == "adamw":
        return torch.optim.AdamW(
            parameters, lr=plan.learning_rate, betas=betas, weight_decay=plan.weight_decay, fused=True
        )
    from bitsandbytes.optim import AdamW8bit

    eight_bit: torch.optim.Optimizer = AdamW8bit(
        parameters, lr=plan.learning_rate, betas=betas, weight_decay=plan.weight_decay
    )
    return eight_bit
