"""Rows that wait on the disk: an hour of kept clips is 0.4 GB, and a worker's memory is bounded."""

from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq


class Spill:
    """Takes rows one by one, and gives them back one by one, as tables of one row; closed by leaving its block."""

    def __init__(self, file: Path, schema: pa.Schema) -> None:
        self.schema = schema
        self._file = file
        self._writer = pq.ParquetWriter(file, schema, compression="none", use_dictionary=False)

    def __enter__(self) -> "Spill":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._writer.close()

    def add(self, row: dict[str, Any]) -> None:
        """Write a row."""
        self._writer.write_table(pa.Table.from_pylist([row], self.schema))

    def tables(self) -> Iterator[pa.Table]:
        """Yield what was written, once the spill is closed."""
        with pq.ParquetFile(self._file) as written:
            for group in range(written.num_row_groups):
                yield written.read_row_group(group)
