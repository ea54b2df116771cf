"""The table of a corpus' separated vocals: it makes those of each clip one range read."""

from dataclasses import dataclass

import pyarrow as pa
import pyarrow.parquet as pq

from curate.errors import EmoforgeError
from curate.store import Store

TABLE = "vocals.parquet"
TABLE_SCHEMA = pa.schema(
    [("clip_id", pa.string()), ("file", pa.string()), ("offset", pa.int64()), ("size", pa.int64())]
    + [(name, pa.string()) for name in ("separator", "reason", "error")]
)


@dataclass(frozen=True, kw_only=True)
class VocalsRef:
    """Where a clip's vocals lie: `file` is relative to the corpus, or an address; offset and size are in bytes."""

    file: str
    offset: int
    size: int


def read_table(store: Store) -> pa.Table:
    """Return the corpus' table of vocals (see TABLE_SCHEMA), empty when there is none; EmoforgeError when broken."""
    try:
        return pq.read_table(store.open(TABLE)).select(TABLE_SCHEMA.names).cast(TABLE_SCHEMA)
    except FileNotFoundError:
        return TABLE_SCHEMA.empty_table()
    except (OSError, KeyError, pa.ArrowException) as error:
        raise EmoforgeError(
            f"{store.uri(TABLE)} can't be read: {error}; delete it and run emoforge separate again"
        ) from error


def vocals_index(store: Store) -> dict[str, VocalsRef]:
    """Return where the vocals of each clip lie that has some."""
    table = read_table(store)
    columns = (table[name].to_pylist() for name in ("clip_id", "file", "offset", "size"))
    rows = zip(*columns, strict=True)
    return {clip_id: VocalsRef(file=file, offset=offset, size=size) for clip_id, file, offset, size in rows if file}
