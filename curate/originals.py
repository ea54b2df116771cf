"""Which of several sources with the same content is the original: the first in the plan's order."""

import hashlib
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from curate.outcomes import Task

DUPLICATE = "duplicate"


class Originals:
    """Which source had a content first: the same video packets (the same bytes where they aren't known), same span."""

    def __init__(self, tasks: "Sequence[Task]") -> None:
        self._tasks = tasks
        self._first: dict[bytes, int] = {}  # no more than a short hash and a number a source

    def checked(self, task: "Task", facts: dict[str, Any]) -> dict[str, Any]:
        """Return a task's facts, as a rejected duplicate if an earlier task had its content; call it in order."""
        original = self.first(task, facts)
        if original is None or original is task:
            return facts
        text = f"the same video as {original.entry.uri}"
        return facts | {"outcome": "rejected", "reason": DUPLICATE, "n_clips": 0, "error": text}

    def first(self, task: "Task", facts: Mapping[str, Any]) -> "Task | None":
        """Return the first task with this content, which is this one if none was seen; None if it is not known."""
        kind = "packet_hash" if facts.get("packet_hash") else "source_id"
        if not facts.get(kind):
            return None
        content = f"{kind} {facts[kind]} {task.entry.start_s} {task.entry.end_s}"
        place = bisect_left(self._tasks, (task.partition, task.place), key=lambda t: (t.partition, t.place))
        key = hashlib.blake2b(content.encode(), digest_size=12).digest()
        return self._tasks[self._first.setdefault(key, place)]
