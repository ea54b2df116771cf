"""Vocals beside the shards: each clip one exact read, whole or not there, whatever was killed, renamed or lost."""

import contextlib
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from numpy.typing import NDArray

from curate import outcomes
from curate.corpus import ClipRef, Corpus, open_corpus
from curate.errors import EmoforgeError
from curate.media import read_audio
from curate.media_writing import encode_flac
from curate.records import Outcome, SourceEntry
from curate.scoring import sum_up
from curate.select import select
from curate.shards import outcome_schema
from curate.store import Folder, Place, Store, open_store
from curate.vocals import Separated, VocalsCommits, write_separated
from curate.vocals_table import TABLE, read_table
from tests.conftest import pulsed_tone
from tests.curate.test_corpus import Counted, counted  # noqa: F401 - a fixture
from tests.object_store import bucket

VOICE = "voice {audio} {out}"


@dataclass(frozen=True, kw_only=True)
class Song:
    """A clip to be: how loud (what tells it from others), whether it has sound, and what it is."""

    gain: float
    has_sound: bool = True
    domain: str = "singing"


def write_songs(place: Place, shards: Sequence[Sequence[Song]]) -> Corpus:
    """Write and open a corpus of these clips of 0.4 s, by the real commit protocol."""
    sources = [SourceEntry(uri=f"source{number}") for number in range(len(shards))]
    tasks = outcomes.plan(place, sources, partition_size=1)
    for task, songs in zip(tasks, shards, strict=True):
        uri = task.entry.uri
        rows = [
            {"clip_id": f"{task.partition:08x}{i:08x}", "source_id": uri, "uri": uri, "duration_s": 0.4, "n_frames": 10,
             "domain": song.domain, "video": {"bytes": b"a video", "path": f"{i}.mp4"}, "dropped_by": None,
             "audio": {"bytes": encode_flac(mix(song.gain)), "path": f"{i}.flac"} if song.has_sound else None}
            for i, song in enumerate(songs)
        ]  # fmt: skip
        table = pa.Table.from_pylist(rows, outcome_schema([]))
        outcomes.write_outcome(place, task, Outcome(source_id=uri, uri=uri, clips=table, **sum_up(rows)))
    outcomes.Commits(place, tasks, score_names=[], shard_bytes=1 << 30).commit_ready()
    outcomes.write_tables(place, [])
    return open_corpus(place)


def mix(gain: float) -> NDArray[np.float32]:
    return np.asarray(gain * pulsed_tone(0.4), np.float32)


def flac_of(ref: ClipRef) -> bytes:
    """What stands for the vocals of a clip, different for each."""
    return encode_flac(mix(0.12 + (int(ref.clip_id[-8:], 16) + 1) / 20))


def separate(
    store: Store,
    refs: Sequence[ClipRef],
    *,
    separator: str = VOICE,
    failing: Sequence[ClipRef] = (),
    retry: bool = False,
) -> list[str]:
    """Do what the command does; return the ids of the clips that were done."""
    commits = VocalsCommits(store, refs, separator=separator, retry=retry)
    commits.commit_ready()
    todo = commits.left_to_do()
    for ref in todo:
        ended = Separated(reason="broken", error="it is") if ref in failing else Separated(audio=flac_of(ref))
        write_separated(store, ref, ended, separator=separator)
        commits.ended(ref)
    commits.write_table()
    return [ref.clip_id for ref in todo]


SONGS = [[Song(gain=0.1 * i) for i in range(1, 6)], [Song(gain=0.9), Song(gain=0.5, has_sound=False)]]


@pytest.fixture
def corpus(tmp_path: Path) -> Corpus:
    return write_songs(tmp_path / "run", SONGS)


def with_sound(corpus: Corpus) -> list[ClipRef]:
    return [ref for ref in corpus.clips if ref.audio_offset >= 0]


def held(run: Path) -> dict[str, bytes]:
    return {file.relative_to(run).as_posix(): file.read_bytes() for file in run.rglob("*") if file.is_file()}


@pytest.fixture(params=["folder", "s3"])
def place(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    if request.param == "folder":
        yield tmp_path / "run"
        return
    with bucket(monkeypatch) as address:
        yield address


def test_the_voice_is_the_vocals_and_without_them_the_sound(place: Place) -> None:
    corpus = write_songs(place, SONGS)
    refs = with_sound(corpus)
    for ref in corpus.clips:
        assert np.array_equal(corpus.voice(ref), corpus.audio(ref))
    separate(corpus.store, refs[:-1], failing=refs[2:3])
    corpus = open_corpus(place)
    for ref in corpus.clips:
        if ref in (refs[2], refs[-1], corpus.clips[-1]):
            assert np.array_equal(corpus.voice(ref), corpus.audio(ref))
        else:
            assert corpus.voice_file(ref) == flac_of(ref)
            assert np.array_equal(corpus.voice(ref), read_audio(flac_of(ref)))
            assert not np.array_equal(corpus.voice(ref), corpus.audio(ref))
    assert corpus.voice_file(refs[-1]) == encode_flac(mix(0.9))
    assert corpus.voice_file(corpus.clips[-1]) is None
    assert corpus.voice(corpus.clips[-1]).shape == (6400,)


def test_a_voice_is_one_range_read_and_opening_a_corpus_looks_for_none(counted: str) -> None:  # noqa: F811
    corpus = write_songs(counted, SONGS)
    separate(corpus.store, with_sound(corpus))
    Counted.asked.clear()
    corpus = open_corpus(counted)
    assert not any("vocals" in path for path, *_ in Counted.asked)
    corpus.voice(corpus.clips[0])
    for ref in with_sound(corpus):
        Counted.asked.clear()
        content = corpus.voice_file(ref)
        ((path, start, end),) = Counted.asked
        assert content is not None
        assert (path.count("/one/vocals/"), end) == (1, (start or 0) + len(content))


def test_the_shards_stay_and_a_shards_vocals_lie_in_its_order(corpus: Corpus, tmp_path: Path) -> None:
    before = held(tmp_path / "run")
    refs = with_sound(corpus)
    separate(corpus.store, refs[::-1], failing=refs[1:2])
    after = held(tmp_path / "run")
    assert {name: after[name] for name in before} == before
    table = read_table(corpus.store)
    first = pq.read_table(tmp_path / "run" / table["file"][0].as_py())
    assert first["clip_id"].to_pylist() == [ref.clip_id for ref in refs[:5]]
    assert first["audio"].to_pylist() == [None if ref is refs[1] else flac_of(ref) for ref in refs[:5]]
    reasons = dict(zip(table["clip_id"].to_pylist(), table["reason"].to_pylist(), strict=True))
    assert reasons == {ref.clip_id: "broken" if ref is refs[1] else "" for ref in refs}
    assert set(table["separator"].to_pylist()) == {VOICE}


def test_what_is_committed_is_not_done_again_and_more_goes_into_a_new_version(corpus: Corpus, tmp_path: Path) -> None:
    refs, run = with_sound(corpus), tmp_path / "run"
    assert len(separate(corpus.store, refs[1:3], failing=refs[2:3])) == 2
    first = held(run)
    assert separate(corpus.store, refs[1:3]) == []
    assert held(run) == first
    assert separate(corpus.store, refs[:4]) == [refs[0].clip_id, refs[3].clip_id]
    assert separate(corpus.store, refs[:2], retry=True) == [], "refs[2] isn't asked for"
    assert separate(corpus.store, refs, retry=True) == [refs[2].clip_id, refs[4].clip_id, refs[5].clip_id]
    (file,) = {name for name in held(run) if name.startswith("vocals/") and "part-00000" in name and "comm" not in name}
    assert pq.read_table(run / file)["clip_id"].to_pylist() == [ref.clip_id for ref in refs[:5]]
    assert not set(read_table(corpus.store)["reason"].to_pylist()) - {""}
    shutil.rmtree(run / "vocals")
    (run / TABLE).unlink()
    separate(corpus.store, refs)
    again = {ref.clip_id: open_corpus(run).voice_file(ref) for ref in refs}
    assert again == {ref.clip_id: flac_of(ref) for ref in refs}


@pytest.mark.parametrize("write", range(11))
def test_a_run_that_ends_at_any_write_goes_on_to_the_same(
    write: int, corpus: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Five clips, their shard's file and commit, one clip, its file and commit, the table: 11 writes."""
    run, refs = tmp_path / "run", with_sound(corpus)
    shutil.copytree(run, tmp_path / "other")
    separate(open_store(tmp_path / "other"), refs)
    writing, count = Folder.writing, 0

    @contextlib.contextmanager
    def dying(self: Folder, name: str) -> Iterator[Path]:
        nonlocal count
        count += 1
        if count > write:
            (self.path / name).parent.mkdir(parents=True, exist_ok=True)
            (self.path / name).with_name(f".tmp-1-{Path(name).name}").write_bytes(b"half")
            raise KeyboardInterrupt
        with writing(self, name) as file:
            yield file

    with monkeypatch.context() as patched:
        patched.setattr(Folder, "writing", dying)
        with pytest.raises(KeyboardInterrupt):
            separate(corpus.store, refs)
    assert not (run / TABLE).exists()
    assert np.array_equal(open_corpus(run).voice(refs[0]), corpus.audio(refs[0]))
    assert len(separate(corpus.store, refs)) == 6 - min(write, 5) - (write > 7)
    assert held(run) == held(tmp_path / "other")


@pytest.mark.parametrize("harm", ["delete", "cut", "commit"])
def test_a_damaged_file_is_told_and_made_again(harm: str, corpus: Corpus, tmp_path: Path) -> None:
    refs = with_sound(corpus)
    separate(corpus.store, refs)
    name = read_table(corpus.store)["file"][0].as_py()
    file = tmp_path / "run" / name
    whole = file.read_bytes()
    if harm == "delete":
        file.unlink()
    elif harm == "cut":
        file.write_bytes(whole[: len(whole) // 4])
    else:
        (file.parent / "committed" / file.name).write_bytes(b"PAR1 nothing")
    if harm != "commit":
        with pytest.raises(EmoforgeError, match=rf"{file.name} is (missing|cut off).* run emoforge separate again"):
            [open_corpus(tmp_path / "run").voice(ref) for ref in refs]
    assert separate(corpus.store, refs) == [ref.clip_id for ref in refs[:5]]
    assert not file.exists(), "a table that is still in use never names a file of other bytes"
    assert [open_corpus(tmp_path / "run").voice_file(ref) for ref in refs] == list(map(flac_of, refs))


def test_another_separators_vocals_stay_in_use_until_all_are_replaced(corpus: Corpus, tmp_path: Path) -> None:
    refs = with_sound(corpus)
    separate(corpus.store, refs)
    table = read_table(corpus.store)
    other = VocalsCommits(corpus.store, refs, separator="other {audio} {out}")
    todo = other.left_to_do()
    assert len(todo) == 6
    for ref in todo:
        write_separated(corpus.store, ref, Separated(audio=encode_flac(mix(0.01))), separator="other {audio} {out}")
        other.ended(ref)
    assert read_table(corpus.store) == table
    assert open_corpus(tmp_path / "run").voice_file(refs[0]) == flac_of(refs[0])
    other.write_table()
    voices = {open_corpus(tmp_path / "run").voice_file(ref) for ref in refs}
    assert voices == {encode_flac(mix(0.01))}
    assert len(list((tmp_path / "run" / "vocals").iterdir())) == 1


def test_names_that_are_no_names_stay_apart_and_inside(corpus: Corpus, tmp_path: Path) -> None:
    names = [
        "../../up/part.parquet",
        "s3://bucket/part.parquet",
        "part.parquet",
        "a b\n;$(id)/\u202e-.parquet",
        "x" * 400,
    ]
    ids = ["../../../out", "/etc/passwd", "a\nb\x1b[2J", "\u4e16", "..", "y" * 400]
    before = {path for path in tmp_path.rglob("*") if not path.is_relative_to(tmp_path / "run" / "vocals")}
    refs = [replace(corpus.clips[0], shard=shard, clip_id=clip_id, row=row)
            for shard in names for row, clip_id in enumerate(ids)]  # fmt: skip
    commits = VocalsCommits(corpus.store, refs, separator=VOICE)
    for number, ref in enumerate(refs):
        ended = Separated(audio=b"sound %d of %s" % (number, ref.clip_id.encode()))
        write_separated(corpus.store, ref, ended, separator=VOICE)
        commits.ended(ref)
    table = commits.write_table().to_pylist()
    after = {path for path in tmp_path.rglob("*") if not path.is_relative_to(tmp_path / "run" / "vocals")}
    assert after - before == {tmp_path / "run" / TABLE}
    assert len({row["file"] for row in table}) == len(names)
    read = {corpus.store.read_range(row["file"], row["offset"], row["size"]): row["clip_id"] for row in table}
    assert read == {b"sound %d of %s" % (number, ref.clip_id.encode()): ref.clip_id for number, ref in enumerate(refs)}


def test_vocals_that_look_like_the_file_around_them_are_found_where_they_are(corpus: Corpus) -> None:
    """Equal vocals, empty ones, and one that holds another's bytes and lengths."""
    contents = [b"", b"abc", b"abc", b"\x03\x00\x00\x00abc", b"abc" * 700_000]
    refs = with_sound(corpus)[:5]
    commits = VocalsCommits(corpus.store, refs, separator=VOICE)
    for ref, content in zip(refs, contents, strict=True):
        write_separated(corpus.store, ref, Separated(audio=content), separator=VOICE)
        commits.ended(ref)
    rows = commits.write_table().to_pylist()
    spans = [(row["offset"], row["offset"] + row["size"]) for row in rows]
    assert [corpus.store.read_range(rows[3]["file"], start, end - start) for start, end in spans] == contents
    assert all(end <= start for (_, end), (start, _) in pairwise(spans))


def test_a_selected_corpus_has_vocals_of_its_own(corpus: Corpus, tmp_path: Path) -> None:
    select(tmp_path / "run", tmp_path / "chosen", keep={}, scorers=[])
    chosen = open_corpus(tmp_path / "chosen")
    before = held(tmp_path / "run")
    separate(chosen.store, with_sound(chosen))
    chosen = open_corpus(tmp_path / "chosen")
    assert [chosen.voice_file(ref) for ref in with_sound(chosen)] == [flac_of(ref) for ref in with_sound(corpus)]
    assert held(tmp_path / "run") == before


@pytest.mark.parametrize("content", [b"", b"not a table", None])
def test_a_table_that_cannot_be_read_is_named(corpus: Corpus, tmp_path: Path, content: bytes | None) -> None:
    if content is None:
        pq.write_table(pa.table({"clip_id": ["a"]}), tmp_path / "run" / TABLE)
    else:
        (tmp_path / "run" / TABLE).write_bytes(content)
    with pytest.raises(EmoforgeError, match=r"vocals\.parquet can't be read: .* run emoforge separate again"):
        corpus.voice(corpus.clips[0])
