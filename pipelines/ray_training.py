"""Training across nodes: Ray Train starts the processes, and starts them again where a node is lost."""

import time
from pathlib import Path
from typing import Any

from curate.errors import EmoforgeError
from pipelines.ray_pool import connect_ray
from pipelines.training_job import Job
from pipelines.training_processes import log_into
from pipelines.training_progress import following
from pipelines.training_work import done_steps, train_here

RESTARTS = 3  # of all processes, from the newest checkpoint, after one was lost
TIMEOUT_S = 7200  # of the other processes, while the first one writes, samples or validates
FAILED, STATE = "failed.txt", "ray"


def train_on_ray(job: Job, *, workers: int, address: str | None) -> None:
    """Train in so many Ray workers, one GPU or one CPU core each; the run folder must be one that all nodes see."""
    import ray
    from ray.train import FailureConfig, RunConfig, ScalingConfig
    from ray.train.torch import TorchConfig, TorchTrainer
    from ray.train.v2.api.exceptions import TrainingFailedError

    connect_ray(address, workers)
    resources: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call]
    on_gpu = _on_gpu(job, resources.get("GPU", 0), workers)
    (job.out / FAILED).unlink(missing_ok=True)
    trainer = TorchTrainer(
        _work,
        train_loop_config={"job": job},
        scaling_config=ScalingConfig(num_workers=workers, use_gpu=on_gpu),
        torch_config=TorchConfig(backend="nccl" if on_gpu else "gloo", timeout_s=TIMEOUT_S),
        run_config=RunConfig(  # type: ignore[call-arg]  # mypy sees Ray's older form
            name=f"attempt-{time.time_ns()}",
            storage_path=str((job.out / STATE).absolute()),
            failure_config=FailureConfig(max_failures=RESTARTS),
            worker_runtime_env={"env_vars": {"OMP_NUM_THREADS": str(job.config.cpu_threads)}},
        ),
    )
    total, windows = job.config.steps or 0, job.config.batch_size or 0
    try:
        with following(job.out, job.stage, total=total, done=done_steps(job.out), windows=windows):
            trainer.fit()
    except TrainingFailedError as error:
        raise EmoforgeError(_said(job.out) or f"training on Ray failed: {_last_line(error)}") from error


def _on_gpu(job: Job, gpus: float, workers: int) -> bool:
    wanted = job.config.device
    if wanted == "cpu" or (wanted == "auto" and not gpus):
        return False
    if gpus < workers:
        raise EmoforgeError(f"--workers {workers} need a GPU each, and the cluster has {gpus:g}; or take device cpu")
    return True


def _work(config: dict[str, Any]) -> None:
    """One worker; an error that no restart mends is left in the run folder, where the next attempt ends at once."""
    import ray.train

    job: Job = config["job"]
    if said := _said(job.out):
        raise EmoforgeError(said)
    if ray.train.get_context().get_world_rank() == 0:
        log_into(job.out / "log.txt")
    try:
        train_here(job, stop=lambda: False)
    except EmoforgeError as error:
        (job.out / FAILED).write_text(str(error), encoding="utf-8")
        raise


def _said(out: Path) -> str:
    file = out / FAILED
    return file.read_text(encoding="utf-8") if file.exists() else ""


def _last_line(error: Exception) -> str:
    return str(error).strip().splitlines()[-1]
