"""emoforge separate, with real small separators: what training then hears, and what is said of what went wrong."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from curate.corpus import ClipRef, Corpus, open_corpus
from curate.select import select
from curate.vocals_table import read_table
from pipelines import vocals as separating
from pipelines.__main__ import main
from tests.curate.test_vocals_table import SONGS, Song, held, with_sound, write_songs
from tests.object_store import bucket
from tests.pipelines.test_speak import HANGS, program

# Halves the sound of a WAV and notes its peak, which tells the clip; fails for those that the third argument names
HALVES = """
import array, json, os, pathlib, signal, sys, time, wave
mix, out, folder = sys.argv[1:4]
folder = pathlib.Path(folder)
with wave.open(mix) as file:
    assert (file.getframerate(), file.getnchannels()) == (16_000, 1)
    samples = array.array("h", file.readframes(file.getnframes()))
peak = round(max(samples) / 0.4 / 32767, 2)
with (folder / "calls").open("a") as calls:
    calls.write(f"{peak}\\n")
told = json.loads((folder / "told.json").read_text())
if peak in told.get("fails", []):
    sys.exit("no voice \\x1b[2Jin this")
if peak in told.get("kills", []):
    os.kill(os.getppid(), signal.SIGSEGV)
    sys.exit()
for _ in range(1200 if peak in told.get("waits", []) else 0):  # a minute: who started it may have been killed
    time.sleep(0.05)
with wave.open(out, "wb") as file:
    file.setnchannels(1), file.setsampwidth(2), file.setframerate(16_000)
    file.writeframes(array.array("h", [int(sample / 2) for sample in samples]).tobytes())
"""
MIXED = [[Song(gain=0.2), Song(gain=0.4, domain="speech")], [Song(gain=0.6), Song(gain=0.8, has_sound=False)]]


class Halver:
    """A separator that can be told to fail, to wait, or to kill who called it, and tells which clips it was given."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        self.folder = folder
        self.command = f"{program(folder, HALVES)} {{audio}} {{out}} '{folder}'"
        self.tell()

    def tell(self, **what: list[float]) -> None:
        (self.folder / "told.json").write_text(json.dumps(what))

    def calls(self) -> list[float]:
        calls = self.folder / "calls"
        return sorted(map(float, calls.read_text().split())) if calls.exists() else []


@pytest.fixture
def halver(tmp_path: Path) -> Halver:
    return Halver(tmp_path / "a separator")


def separate(run: Path | str, separator: str, *flags: str) -> int:
    return main(["separate", str(run), "--separator", separator, "--workers", "1", *flags])


def is_halved(corpus: Corpus, ref: ClipRef) -> bool:
    voice, mix = corpus.voice(ref), corpus.audio(ref)
    assert voice.shape == mix.shape
    if np.array_equal(voice, mix):
        return False
    np.testing.assert_allclose(voice, mix / 2, atol=3 / 32768)
    return True


def test_every_clip_with_sound_is_heard_by_its_vocals(
    tmp_path: Path, halver: Halver, capsys: pytest.CaptureFixture[str]
) -> None:
    corpus = write_songs(tmp_path / "run", MIXED)
    before = held(tmp_path / "run")
    assert separate(tmp_path / "run", halver.command) == 0
    said = capsys.readouterr().out
    assert [line.split() for line in said.splitlines()[:3]] == [
        ["separated", "3"],
        ["failed", "0"],
        ["no", "sound", "1"],
    ]
    corpus = open_corpus(tmp_path / "run")
    assert [is_halved(corpus, ref) for ref in corpus.clips] == [True, True, True, False]
    assert set(read_table(corpus.store)["separator"].to_pylist()) == {halver.command}
    after = held(tmp_path / "run")
    assert {name: after[name] for name in before} == before
    assert separate(tmp_path / "run", halver.command) == 0
    assert halver.calls() == [0.2, 0.4, 0.6], "the second time there was nothing to do"
    assert held(tmp_path / "run") == after


def test_a_clip_that_fails_is_counted_named_heard_as_it_is_and_can_be_tried_again(
    tmp_path: Path, halver: Halver, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    clips = write_songs(run, MIXED).clips
    halver.tell(fails=[0.4])
    assert separate(run, halver.command) == 0
    said = capsys.readouterr().out
    assert [line.split() for line in said.splitlines()[:2]] == [["separated", "2"], ["failed", "1"]]
    assert f"'{clips[1].clip_id}'  separator_failed: " in said
    assert "no voice [2Jin this" in said
    corpus = open_corpus(run)
    assert [is_halved(corpus, ref) for ref in clips] == [True, False, True, False]
    halver.tell()
    assert separate(run, halver.command) == 0
    assert halver.calls() == [0.2, 0.4, 0.6]
    assert separate(run, halver.command, "--retry") == 0
    assert halver.calls() == [0.2, 0.4, 0.4, 0.6]
    corpus = open_corpus(run)
    assert [is_halved(corpus, ref) for ref in clips] == [True, True, True, False]


def test_only_when_every_clip_failed_it_ends_with_1(tmp_path: Path, halver: Halver) -> None:
    write_songs(tmp_path / "run", MIXED)
    halver.tell(fails=[0.2, 0.4, 0.6])
    with pytest.raises(SystemExit) as ended:
        separate(tmp_path / "run", halver.command)
    assert ended.value.code == 1
    assert read_table(open_corpus(tmp_path / "run").store)["reason"].to_pylist() == ["separator_failed"] * 3


def test_a_separator_that_hangs_fails_the_clip(tmp_path: Path) -> None:
    write_songs(tmp_path / "run", [[Song(gain=0.5)]])
    with pytest.raises(SystemExit):
        separate(tmp_path / "run", f"{program(tmp_path, HANGS)} {{audio}} {{out}}", "--wall_s", "0.4")
    assert "took over 0.4 s" in read_table(open_corpus(tmp_path / "run").store)["error"][0].as_py()


def test_a_worker_that_dies_fails_its_clip_and_no_other(tmp_path: Path, halver: Halver) -> None:
    corpus = write_songs(tmp_path / "run", MIXED)
    halver.tell(kills=[0.2])
    assert separate(tmp_path / "run", halver.command) == 0
    assert read_table(corpus.store)["reason"].to_pylist() == ["crashed", "", ""]


def test_sound_that_is_broken_is_that_clips_failure(tmp_path: Path, halver: Halver) -> None:
    corpus = write_songs(tmp_path / "run", MIXED)
    ref = corpus.clips[0]
    shard = tmp_path / "run" / ref.shard
    content = bytearray(shard.read_bytes())
    content[ref.audio_offset : ref.audio_offset + ref.audio_size] = bytes(ref.audio_size)
    shard.write_bytes(content)
    assert separate(tmp_path / "run", halver.command) == 0
    assert read_table(corpus.store)["reason"].to_pylist() == ["not_media", "", ""]


def test_one_domain_alone_and_the_rest_later(tmp_path: Path, halver: Halver) -> None:
    run = tmp_path / "run"
    clips = write_songs(run, MIXED).clips
    assert separate(run, halver.command, "--only-domain", "singing") == 0
    corpus = open_corpus(run)
    assert [is_halved(corpus, ref) for ref in clips] == [True, False, True, False]
    assert separate(run, halver.command) == 0
    assert halver.calls() == [0.2, 0.4, 0.6]
    corpus = open_corpus(run)
    assert [is_halved(corpus, ref) for ref in clips] == [True, True, True, False]


def test_another_separator_is_refused_or_replaces_all(
    tmp_path: Path, halver: Halver, capsys: pytest.CaptureFixture[str]
) -> None:
    write_songs(tmp_path / "run", MIXED)
    other = Halver(tmp_path / "another")
    assert separate(tmp_path / "run", halver.command) == 0
    before = held(tmp_path / "run")
    assert separate(tmp_path / "run", other.command) == 2
    said = capsys.readouterr().err
    assert f"has vocals made by {halver.command!r}" in said
    assert "--replace" in said
    assert held(tmp_path / "run") == before
    assert separate(tmp_path / "run", other.command, "--replace") == 0
    assert set(read_table(open_corpus(tmp_path / "run").store)["separator"].to_pylist()) == {other.command}
    assert other.calls() == [0.2, 0.4, 0.6]


def test_a_corpus_in_an_object_store(tmp_path: Path, halver: Halver, monkeypatch: pytest.MonkeyPatch) -> None:
    with bucket(monkeypatch) as address:
        write_songs(address, MIXED)
        assert separate(address, halver.command) == 0
        corpus = open_corpus(address)
        assert [is_halved(corpus, ref) for ref in corpus.clips] == [True, True, True, False]
        assert not corpus.store.exists("lease.json")


def test_a_selected_corpus_is_separated_without_touching_its_source(tmp_path: Path, halver: Halver) -> None:
    write_songs(tmp_path / "run", MIXED)
    select(tmp_path / "run", tmp_path / "chosen", keep={}, scorers=[])
    before = held(tmp_path / "run")
    assert separate(tmp_path / "chosen", halver.command, "--only-domain", "speech") == 0
    chosen = open_corpus(tmp_path / "chosen")
    assert [is_halved(chosen, ref) for ref in chosen.clips] == [False, True, False, False]
    assert held(tmp_path / "run") == before


@pytest.mark.slow
def test_killed_at_any_moment_it_loses_the_clips_in_flight_only(tmp_path: Path, halver: Halver) -> None:
    for name in ("run", "other"):
        write_songs(tmp_path / name, SONGS)
    halver.tell(waits=[0.3, 0.4])
    flags = ["separate", str(tmp_path / "run"), "--separator", halver.command, "--workers", "2"]
    environment = os.environ | {"TMPDIR": str(tmp_path)}
    command = subprocess.Popen([sys.executable, "-m", "pipelines", *flags], env=environment, stderr=subprocess.DEVNULL)
    try:
        until_s = time.monotonic() + 60
        while halver.calls() != [0.1, 0.2, 0.3, 0.4]:
            assert time.monotonic() < until_s, f"only {halver.calls()} began"
            assert command.poll() is None
            time.sleep(0.05)
    finally:
        os.kill(command.pid, signal.SIGKILL)
        command.wait()
    assert not (tmp_path / "run" / "vocals.parquet").exists()
    halver.tell()
    assert separate(tmp_path / "run", halver.command) == 0
    calls = halver.calls()
    assert (calls.count(0.1), calls.count(0.2)) == (1, 1)
    assert set(calls) == {0.1, 0.2, 0.3, 0.4, 0.5, 0.9}
    assert separate(tmp_path / "other", halver.command) == 0
    one, other = ({k: v for k, v in held(tmp_path / run).items() if "vocals" in k} for run in ("run", "other"))
    assert one == other
    corpus = open_corpus(tmp_path / "run")
    assert all(is_halved(corpus, ref) for ref in with_sound(corpus))


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--separator", "no-such-program {audio} {out}"], "'no-such-program' is not installed"),
        (["--separator", "cp {audio}"], "must have {audio} in it, and {out}"),
        ([], "pip install audio-separator"),
        (["--separator", "cp {audio} {out}", "--workers", "0"], "--workers must be over 0"),
        (["--separator", "cp {audio} {out}", "--wall_s", "-1"], "wall_s must be over 0"),
        (["--separator", "cp {audio} {out}", "--only-domain", "speech"], "is speech"),
    ],
)
def test_what_cannot_work_is_one_message_and_writes_no_vocals(
    flags: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(separating, "INSTALLED", {"no-such-program": "no-such-program {audio} {out}"})
    write_songs(tmp_path / "run", [[Song(gain=0.5)]])
    assert main(["separate", str(tmp_path / "run"), *flags]) == 2
    said = capsys.readouterr().err.splitlines()
    assert message in said[-1]
    assert not list((tmp_path / "run").glob("vocals*"))


def test_what_is_no_corpus_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["separate", str(tmp_path / "nowhere"), "--separator", "cp {audio} {out}"]) == 2
    assert "not a curated corpus" in capsys.readouterr().err
    assert not (tmp_path / "nowhere").exists()
