"""Run folders: record, resume, refuse."""

import json
import logging
from dataclasses import dataclass
from pathlib import Path

import pytest

from curate.errors import EmoforgeError
from curate.store import open_store
from pipelines.config import option
from pipelines.run_folder import open_run
from tests.object_store import bucket


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


def test_a_run_on_a_bucket_is_all_there_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    with bucket(monkeypatch) as address:
        for left in (3, 2):
            with open_run(address, command="curate", config=Config(), inputs={}, always=True) as run:
                assert not run.done
                assert run.store.uri() == address
                (run.path / "report.html").write_text(f"{left} left")
                run.store.write("shards/part-00000.parquet", b"a shard")
        assert not run.path.exists()
        store = open_store(address)
        names = {"run.json", "config.yaml", "log.txt", "report.html", "shards/part-00000.parquet"}
        assert set(store.sizes("")) == names, "and no lease"
        assert store.read("report.html") == b"2 left"
        assert store.read("log.txt").decode().count("curate started") == 2, "the log goes on"
        assert json.loads(store.read("run.json"))["status"] == "done"
        with open_run(address, command="curate", config=Config(), inputs={}) as again:
            assert again.done


def test_a_run_on_a_bucket_that_broke_leaves_its_log(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(address: str) -> None:
        with open_run(address, command="curate", config=Config(), inputs={}) as run:
            (run.path / "workers.log").write_text("what native code printed")
            raise EmoforgeError("no way")

    with bucket(monkeypatch) as address:
        with pytest.raises(EmoforgeError, match="no way"):
            broken(address)
        store = open_store(address)
        assert set(store.sizes("")) == {"run.json", "config.yaml", "log.txt", "workers.log"}
        assert json.loads(store.read("run.json"))["status"] == "running"


def test_a_log_that_can_not_be_written_says_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with open_run(tmp_path, command="train", config=Config(), inputs={}):
        files = [handler for handler in logging.getLogger().handlers if isinstance(handler, logging.FileHandler)]
        (handler,) = [file for file in files if Path(file.baseFilename).name == "log.txt"]
        handler.setStream(Path("/dev/full").open("w"))  # noqa: SIM115 - the handler closes it
        logging.getLogger("curate").info("something")
    assert capsys.readouterr().err == ""
