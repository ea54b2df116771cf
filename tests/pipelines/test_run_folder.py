"""Run folders: record, resume, refuse."""

import json
from dataclasses import dataclass
from pathlib import Path

import pytest

from curate.errors import EmoforgeError
from pipelines.config import option
from pipelines.run_folder import open_run


@dataclass(frozen=True, kw_only=True)
class Config:
    """One key."""

    steps: int = option(3, "steps")


def test_a_run_is_recorded_and_then_done(tmp_path: Path) -> None:
    with open_run(tmp_path / "run", command="train", config=Config(), inputs={"shards": "a"}, seed=5) as run:
        assert not run.done
    record = json.loads((tmp_path / "run" / "run.json").read_text())
    assert (record["status"], record["seed"], record["config"]) == ("done", 5, {"steps": 3})
    assert {"started_at", "ended_at", "revision", "versions", "argv"} <= set(record)
    assert record["versions"]["numpy"]
    assert "train started" in (tmp_path / "run" / "log.txt").read_text()
    with open_run(tmp_path / "run", command="train", config=Config(), inputs={"shards": "a"}, seed=5) as run:
        assert run.done


def test_a_run_that_broke_is_not_done(tmp_path: Path) -> None:
    def broken() -> None:
        with open_run(tmp_path, command="train", config=Config(), inputs={}):
            raise RuntimeError("power cut")

    with pytest.raises(RuntimeError):
        broken()
    with open_run(tmp_path, command="train", config=Config(), inputs={}) as run:
        assert not run.done


@pytest.mark.parametrize(
    ("command", "config", "inputs", "message"),
    [
        ("train", Config(steps=4), {"shards": "a"}, "steps was 3, now 4"),
        ("train", Config(), {"shards": "b"}, "shards was 'a', now 'b'"),
        ("curate", Config(), {"shards": "a"}, "holds a run of 'emoforge train'"),
    ],
)
def test_another_run_is_refused(
    tmp_path: Path, command: str, config: Config, inputs: dict[str, str], message: str
) -> None:
    with open_run(tmp_path, command="train", config=Config(), inputs={"shards": "a"}):
        pass
    with pytest.raises(EmoforgeError, match=message), open_run(tmp_path, command=command, config=config, inputs=inputs):
        pass


def test_two_at_once_are_refused(tmp_path: Path) -> None:
    def second() -> None:
        with open_run(tmp_path, command="train", config=Config(), inputs={}):
            pass

    with (
        open_run(tmp_path, command="train", config=Config(), inputs={}),
        pytest.raises(EmoforgeError, match="another emoforge command is running"),
    ):
        second()


def test_a_spoilt_record_is_named(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text("{ not json")
    with pytest.raises(EmoforgeError, match=r"run\.json"), open_run(tmp_path, command="t", config=Config(), inputs={}):
        pass
