"""What goes wrong in training, said so that a person can act on it."""

import logging
import math
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from curate.errors import EmoforgeError
from train.plan import Plan

log = logging.getLogger(__name__)


def check_finite(loss: float, step: int, skipped: int, plan: Plan) -> None:
    """Log that a step was skipped, the `skipped`-th in a row; EmoforgeError when those are too many."""
    if not skipped:
        return
    what = f"the loss is {loss}" if not math.isfinite(loss) else "the gradients are not finite"
    if skipped <= plan.max_skipped_steps:
        log.warning("%s at step %d: the step was skipped (%d in a row)", what, step, skipped)
        return
    raise EmoforgeError(
        f"{what} at step {step}: training has diverged. The checkpoints before it stand; "
        f"start again with a learning rate below {plan.learning_rate:g}"
    )


@contextmanager
def memory_explained(preset: str, plan: Plan) -> Iterator[None]:
    """Say what to lower where the memory is too small."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:  # torch.OutOfMemoryError is a RuntimeError, and so is a CPU's
        said = str(error)
        if not isinstance(error, (MemoryError, torch.OutOfMemoryError)) and "can't allocate memory" not in said:
            raise
        still = [] if plan.gradient_checkpointing else ["gradient_checkpointing true"]
        still += [] if plan.precision == "bfloat16" else ["precision bfloat16"]
        raise EmoforgeError(
            f"out of memory with preset {preset} and {plan.batch_size} windows a forward pass "
            f"({said.splitlines()[0][:200] if said else 'MemoryError'}). What was saved stands. Take a smaller "
            f"batch_size, or a higher accumulation with the same one{''.join(f', or {name}' for name in still)}"
        ) from error
