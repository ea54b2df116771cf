"""What lies beside the shards tells of a corpus' clips: the split each is in, its domain, and whether all are there."""

from dataclasses import replace

import pyarrow.parquet as pq

from curate.corpus import INDEX, Corpus, locate
from curate.errors import EmoforgeError
from curate.splits import NAMES, SPLITS

CLIPS = "clips.parquet"


def of_split(corpus: Corpus, split: str) -> Corpus:
    """Return a corpus of one split's clips; all of them as `train` where the corpus was never split."""
    if split not in NAMES:
        raise EmoforgeError(f"there is no split {split!r}; choices: {', '.join(NAMES)}")
    mend = f"run: emoforge split {corpus.place}"
    if not corpus.store.exists(SPLITS):
        if split == "train":
            return corpus
        raise EmoforgeError(f"{corpus.place} was never split, so nothing is in {split}; {mend}")
    split_of = _column(corpus, SPLITS, "split")
    if unknown := next((ref for ref in corpus.clips if ref.clip_id not in split_of), None):
        raise EmoforgeError(f"clip {unknown.clip_id} is younger than {corpus.store.uri(SPLITS)}; {mend}")
    clips = tuple(ref for ref in corpus.clips if split_of[ref.clip_id] == split)
    if not clips:
        raise EmoforgeError(f"the split {split} of {corpus.place} holds no clip; see `emoforge split --help`")
    return replace(corpus, clips=clips)


def domains(corpus: Corpus) -> list[str]:
    """Return the domain of each clip (speech where none was noted)."""
    if not corpus.store.exists(CLIPS):
        raise EmoforgeError(
            f"{corpus.place} has no {CLIPS}, which tells the clips' domains: nothing can be mixed by them"
        )
    domain_of = _column(corpus, CLIPS, "domain")
    return [domain_of.get(ref.clip_id) or "speech" for ref in corpus.clips]


def check_shards(corpus: Corpus) -> None:
    """Raise EmoforgeError naming a shard that the clips lie in and that is not there; one listing a folder."""
    shards = [locate(corpus.store, shard) for shard in dict.fromkeys(ref.shard for ref in corpus.clips)]
    there = {(store, folder): set(store.sizes(folder)) for store, folder in {(s, _folder(n)) for s, n in shards}}
    missing = [store.uri(name) for store, name in shards if name not in there[store, _folder(name)]]
    if missing:
        raise EmoforgeError(
            f"{len(missing)} of {len(shards)} shards that {corpus.store.uri(INDEX)} points to are missing: {missing[0]}"
        )


def _folder(name: str) -> str:
    return name.rpartition("/")[0]


def _column(corpus: Corpus, table: str, name: str) -> dict[str, str | None]:
    try:
        read = pq.read_table(corpus.store.open(table), columns=["clip_id", name])
        return dict(zip(read["clip_id"].to_pylist(), read[name].to_pylist(), strict=True))
    except (OSError, ValueError, KeyError) as error:
        raise EmoforgeError(f"{corpus.store.uri(table)} can't be read: {error}") from error
