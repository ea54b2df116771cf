"""Many videos: each row ends once, a bad one stops no other, killed anywhere it goes on, and a bad CSV is named."""

import csv
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from curate.errors import ConfigError, EmoforgeError
from curate.media_writing import read_metadata
from pipelines.sample_batch import Batch, read_rows, sample_rows
from tests.pipelines.sampling_stand_in import BOX, PLAIN, LoudnessSampler, save_portrait, save_tone

Portrait = NDArray[np.uint8]
CELL = ",".join(map(str, BOX))


def write_rows(folder: Path, rows: list[Mapping[str, str]]) -> Path:
    columns = list(dict.fromkeys(name for row in rows for name in row))
    with (folder / "rows.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, columns)
        table.writeheader()
        table.writerows(rows)
    return folder / "rows.csv"


def row(number: int, **more: str) -> dict[str, str]:
    return {"portrait": "portrait.png", "audio": "voice.wav", "out": f"out/{number}.mp4", "box": CELL} | more


@pytest.fixture
def folder(tmp_path: Path, portrait: Portrait) -> Path:
    save_portrait(tmp_path, portrait)
    save_tone(tmp_path / "voice.wav")
    return tmp_path


def sampled(file: Path, sampler: LoudnessSampler, **more: object) -> list[dict[str, str]]:
    """Run the batch and return its outcomes."""
    shared: dict[str, object] = {"defaults": {}, "paste_back": False, "separate": False}
    batch = Batch(folder=file.parent, **(shared | more))  # type: ignore[arg-type]
    try:
        sample_rows(read_rows(file), batch, sampler, on_part=lambda done, total: None)
    finally:
        with (file.parent / "outcomes.csv").open(newline="", encoding="utf-8") as table:
            outcomes = list(csv.DictReader(table))
    return outcomes


def test_a_bad_row_stops_no_other_and_each_ends_once(folder: Path) -> None:
    rows = [
        row(1),
        row(2, audio="none.wav"),
        row(3, box="0,0,5,5"),
        row(4, seed="x"),
        row(5, out="voice.wav"),
        row(6, portrait="voice.wav"),
        row(7, seed="4", consent_ref="form 12"),
        row(8, out="portrait.png/8.mp4"),
    ]
    with pytest.raises(EmoforgeError, match="6 of 8 rows failed, the first is row 2: there is no audio file"):
        sampled(write_rows(folder, rows), LoudnessSampler())
    with (folder / "outcomes.csv").open(newline="", encoding="utf-8") as table:
        ended = [(line["row"], line["outcome"], line["reason"]) for line in csv.DictReader(table)]
    assert ended == [
        ("1", "done", ""),
        ("2", "failed", "not_found"),
        ("3", "failed", "bad_box"),
        ("4", "failed", "bad_value"),
        ("5", "failed", "bad_value"),
        ("6", "failed", "not_picture"),
        ("7", "done", ""),
        ("8", "failed", "disk"),
    ]
    assert sorted(path.name for path in (folder / "out").iterdir()) == ["1.mp4", "7.mp4"]
    assert "Consent: form 12" in read_metadata(folder / "out" / "7.mp4")["comment"]


def test_again_only_what_is_missing_changed_or_broken_is_made(folder: Path) -> None:
    file = write_rows(folder, [row(n) for n in range(4)])
    sampled(file, LoudnessSampler())
    contents = {n: (folder / "out" / f"{n}.mp4").read_bytes() for n in range(4)}
    (folder / "out" / "1.mp4").unlink()
    (folder / "out" / "2.mp4").write_bytes(contents[2][:-100])
    changed = write_rows(folder, [row(0), row(1), row(2), row(3, seed="9")])
    again = LoudnessSampler()
    outcomes = sampled(changed, again)
    assert [line["reason"] for line in outcomes] == ["was_there", "", "", ""]
    assert again.videos == 3
    assert all((folder / "out" / f"{n}.mp4").read_bytes() == contents[n] for n in range(3))


def test_other_settings_make_all_again(folder: Path) -> None:
    file = write_rows(folder, [row(1)])
    sampled(file, LoudnessSampler())
    for sampler, videos in (
        (LoudnessSampler(), 0),
        (LoudnessSampler(replace(PLAIN, cpu_threads=2)), 0),
        (LoudnessSampler(replace(PLAIN, steps=11)), 1),
    ):
        sampled(file, sampler)
        assert sampler.videos == videos


def test_defaults_hold_for_empty_cells_alone(folder: Path) -> None:
    file = write_rows(folder, [row(1), row(2, speed="0.9")])
    sampler = LoudnessSampler()
    sampled(file, sampler, defaults={"speed": "0.1", "consent_ref": "form 1"})
    assert [round(float(speed[0]), 3) for speed in sampler.speeds if speed is not None] == [0.1, 0.9]
    assert "form 1" in read_metadata(folder / "out" / "2.mp4")["comment"]


def test_progress_runs_through_the_rows(folder: Path) -> None:
    file = write_rows(folder, [row(1), row(2)])
    told: list[float] = []
    batch = Batch(folder=folder, defaults={}, paste_back=False, separate=False)
    sample_rows(read_rows(file), batch, LoudnessSampler(), on_part=lambda done, total: told.append(done))
    assert told == sorted(told)
    assert told[-1] == 2


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "is empty"),
        (b"\n\n", "is empty"),
        (b"portrait,audio,out\n", "no row below its header"),
        (b"portrait,audio\na,b\n", "column 'out' is missing"),
        (b"portrait,audio,out,sped\na,b,c,1\n", "did you mean 'speed'"),
        (b"portrait;audio;out\na;b;c\n", "semicolons"),
        (b"portrait,audio,out,out\na,b,c,d\n", "twice"),
        (b"portrait,audio,out\na,b\n", "row 1 has no out"),
        (b"portrait,audio,out\na,b,c\nd,,e\n", "row 2 has no audio"),
        (b"portrait,audio,out\na,b,c,d\n", "a text with commas needs quotes"),
        (b"portrait,audio,out\na,b,c.mp4\nd,e,./x/../c.mp4\n", "rows 1 and 2 both write"),
        ("portrait,audio,out\nä,b,c\n".encode("latin-1"), "is not UTF-8"),
        ("portrait,audio,out\na,b,c\n".encode("utf-16"), "is not UTF-8"),
        (b"portrait,audio,out\na,b\x00,c\n", "zero bytes"),
        (b'portrait,audio,out\n"a,b,c\n', "is not CSV"),
        (b"portrait,audio,out\n" + b"x" * 200_000 + b",b,c\n", "is not CSV"),
        (b"a\n" * (9 << 20), "is over 16 MiB"),
    ],
)
def test_a_hostile_csv_is_named_before_anything_is_made(tmp_path: Path, content: bytes, complaint: str) -> None:
    (tmp_path / "rows.csv").write_bytes(content)
    with pytest.raises(ConfigError, match=complaint) as raised:
        read_rows(tmp_path / "rows.csv")
    assert "rows.csv" in str(raised.value)


def test_a_csv_as_excel_saves_it_is_read(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_bytes(b'\xef\xbb\xbfportrait,audio,out\r\n"a, b.png", b.wav ,c.mp4\r\n,,\r\n')
    assert read_rows(tmp_path / "rows.csv") == [{"portrait": "a, b.png", "audio": "b.wav", "out": "c.mp4"}]


def test_what_cannot_be_read_or_would_be_overwritten_is_named(tmp_path: Path) -> None:
    for place, complaint in ((tmp_path, "can't read"), (tmp_path / "none.csv", "can't read")):
        with pytest.raises(ConfigError, match=complaint):
            read_rows(place)
    (tmp_path / "outcomes.csv").write_text("portrait,audio,out\na,b,c\n")
    with pytest.raises(ConfigError, match="where the outcomes are written"):
        read_rows(tmp_path / "outcomes.csv")


SLOWLY = """
import sys, time
from pathlib import Path
from pipelines.sample_batch import Batch, read_rows, sample_rows
from tests.pipelines.sampling_stand_in import LoudnessSampler
file = Path(sys.argv[1])
batch = Batch(folder=file.parent, defaults={}, paste_back=False, separate=False)
def told(done, total):
    print(done, flush=True)
    time.sleep(0.02)
sample_rows(read_rows(file), batch, LoudnessSampler(), on_part=told)
"""


def kill_at(file: Path, part: float) -> None:
    run = subprocess.Popen([sys.executable, "-c", SLOWLY, str(file)], stdout=subprocess.PIPE, text=True)
    assert run.stdout is not None
    for line in run.stdout:
        if float(line) >= part:
            break
    run.send_signal(signal.SIGKILL)
    run.wait()


def test_killed_at_any_moment_nothing_half_written_stays(folder: Path) -> None:
    file = write_rows(folder, [row(n) for n in range(3)])
    kill_at(file, 1.5)
    there = sorted(path.name for path in (folder / "out").iterdir() if not path.name.startswith("."))
    assert there == ["0.mp4"]
    again = LoudnessSampler()
    outcomes = sampled(file, again)
    assert [line["reason"] for line in outcomes] == ["was_there", "", ""]
    assert sorted(path.name for path in (folder / "out").iterdir()) == ["0.mp4", "1.mp4", "2.mp4"]
    whole = {path.read_bytes() for path in (folder / "out").iterdir()}
    assert len(whole) == 1, "interrupted or not, the same video"


def test_no_row_writes_over_what_another_reads_nor_over_a_strangers_outcomes(folder: Path) -> None:
    (folder / "talk.mp4").write_bytes(b"the user's own")
    rows = write_rows(folder, [row(1, out="talk.mp4"), row(2, audio="talk.mp4")])
    with pytest.raises(ConfigError, match=r"row 1 would write over talk\.mp4, which row 2 reads"):
        read_rows(rows)
    (folder / "outcomes.csv").write_text("my precious,data\n")
    with pytest.raises(ConfigError, match="is not one of those"):
        read_rows(write_rows(folder, [row(1)]))
    assert (folder / "outcomes.csv").read_text() == "my precious,data\n"


def test_outcomes_are_there_after_the_last_row_however_fast_the_rows_were(folder: Path) -> None:
    rows = [row(n, audio="none.wav") for n in range(200)]
    with pytest.raises(EmoforgeError, match="200 of 200"):
        sampled(write_rows(folder, rows), LoudnessSampler())
    assert len((folder / "outcomes.csv").read_text().splitlines()) == 201
