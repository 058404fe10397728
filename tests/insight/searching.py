"""What the tests of search share: the answer of Python, of a scan, and of the index with the scan."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from prismq_gui.insight.connection import ReadConnection
from prismq_gui.insight.layout import read_layout
from prismq_gui.insight.search import ALL_KINDS, Hit, HitChunk, SearchKind, search
from prismq_gui.insight.search_build import IndexBuilder
from prismq_gui.insight.search_index import IndexStatus
from tests.helpers.files import run_sql

TASK_COLUMNS = ("error_message", "payload", "type", "idempotency_key", "locked_by")
LOG_COLUMNS = ("message", "details")
Found = set[tuple[SearchKind, int]]


def build(path: Path, folder: Path, *, tail_rows: int = 0, limit_bytes: int = 2**30) -> IndexStatus:
    """Index all of a queue, as fast as it goes."""
    builder = IndexBuilder(path, folder, share=1.0, tail_rows=tail_rows, limit_bytes=limit_bytes)
    return builder.run(until_complete=True, wait=lambda _seconds: None)


def chunks_of(
    path: Path,
    text: str,
    folder: Path | None = None,
    kinds: Sequence[SearchKind] = ALL_KINDS,
    *,
    thorough: bool = True,
) -> list[HitChunk]:
    """Search, and check what holds of every answer."""
    with closing(ReadConnection(path, 5.0)) as connection:
        connection.open()
        layout = read_layout(connection)
        chunks = list(search(connection, layout, text, kinds, index_folder=folder, thorough=thorough))
    assert [chunk.done for chunk in chunks] == [False] * (len(chunks) - 1) + [True]
    shares = [chunk.progress for chunk in chunks]
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    for kind in ALL_KINDS:
        in_order = [hit.id for chunk in chunks if not chunk.is_late for hit in chunk.hits if hit.kind is kind]
        assert in_order == sorted(in_order, reverse=True)
    hits = hits_of(chunks)
    assert len({(hit.kind, hit.id) for hit in hits}) == len(hits)
    return chunks


def hits_of(chunks: Sequence[HitChunk]) -> list[Hit]:
    return [hit for chunk in chunks for hit in chunk.hits]


def found(
    path: Path, text: str, folder: Path | None = None, kinds: Sequence[SearchKind] = ALL_KINDS, *, thorough: bool = True
) -> Found:
    return {(hit.kind, hit.id) for hit in hits_of(chunks_of(path, text, folder, kinds, thorough=thorough))}


def lowered(text: str) -> str:
    """A to Z alone."""
    return re.sub("[A-Z]", lambda match: match[0].lower(), text)


def oracle(path: Path, text: str) -> Found:
    """What holds the text, looked for by Python in all rows."""
    wanted = lowered(text.strip())
    answer: Found = set()
    for kind, table, key, columns in (
        (SearchKind.TASKS, "task_queue", "id", TASK_COLUMNS), (SearchKind.LOGS, "task_logs", "log_id", LOG_COLUMNS),
    ):  # fmt: skip
        for row_id, *cells in run_sql(path, f"SELECT {key}, {', '.join(columns)} FROM {table}"):
            assert isinstance(row_id, int)
            texts = [str(cell).partition("\0")[0] for cell in cells if cell is not None]
            is_id = kind is SearchKind.TASKS and wanted == str(row_id)
            if wanted and (is_id or any(wanted in lowered(each) for each in texts)):
                answer.add((kind, row_id))
    return answer
