"""The agent's memory of writes: each request_id is carried out at most once, and what became of it can be asked.

A row is on disk before MT is called and again after it; an agent that dies in between finds the row running at its
next start and calls it unknown. MT has no idempotency, so it lives here. SQLite, on the agent's machine."""

import json
import sqlite3
import threading
from dataclasses import dataclass
from pathlib import Path

from mt4bridge.httpbridge.contract import Fault, Json

RUNNING, DONE, REFUSED, UNKNOWN, VOID = "running", "done", "refused", "unknown", "void"
_SCHEMA = """
CREATE TABLE IF NOT EXISTS operation (
    request_id TEXT PRIMARY KEY, path TEXT NOT NULL, mark TEXT NOT NULL, state TEXT NOT NULL, status INTEGER NOT NULL,
    answer TEXT NOT NULL, void_before_ms INTEGER NOT NULL
) STRICT
"""


@dataclass(frozen=True, slots=True)
class Operation:
    request_id: str
    path: str
    mark: str
    state: str
    status: int
    answer: Json
    void_before_ms: int

    def as_json(self) -> Json:
        return {"request_id": self.request_id, "state": self.state, "status": self.status, "answer": self.answer}


class Operations:
    """All writes of one agent, on disk. Safe to use from several threads."""

    def __init__(self, path: Path | str) -> None:
        self._lock = threading.Lock()
        self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=FULL")
        self._db.execute(_SCHEMA)
        lost = Fault("outcome_unknown", "The agent ended while it carried this out.")
        self._db.execute(
            "UPDATE operation SET state=?, status=?, answer=? WHERE state=?",
            (UNKNOWN, lost.status, json.dumps(lost.as_json()), RUNNING),
        )

    def close(self) -> None:
        self._db.close()

    def begin(self, *, request_id: str, path: str, mark: str, signed_ms: int) -> Operation | None:
        """Take a write on; None means: carry it out now. Otherwise the operation as it stands: done or unknown.

        A refused or void one may be tried again by a request that was signed later: nothing was carried out.

        :raises Fault: the id belongs to another write, is being carried out, or this request was declared void."""
        with self._lock:
            found = self._find(request_id)
            if found is not None and found.state != VOID and found.mark != mark:
                raise Fault("request_id_reused", "This request_id was used for something else.")
            if found is not None and found.state == RUNNING:
                raise Fault("running", "This operation is being carried out.")
            if found is not None and found.state in (DONE, UNKNOWN):
                return found
            if found is not None and signed_ms <= found.void_before_ms:
                raise Fault("void", "This request was declared void before it arrived.")
            self._db.execute(
                "INSERT OR REPLACE INTO operation VALUES (?,?,?,?,?,?,?)",
                (request_id, path, mark, RUNNING, 0, "{}", signed_ms),
            )
            return None

    def finish(self, *, request_id: str, state: str, status: int, answer: Json) -> None:
        """Keep what became of a write."""
        with self._lock:
            self._db.execute(
                "UPDATE operation SET state=?, status=?, answer=? WHERE request_id=?",
                (state, status, json.dumps(answer), request_id),
            )

    def find(self, request_id: str) -> Operation | None:
        with self._lock:
            return self._find(request_id)

    def void(self, *, request_id: str, signed_ms: int) -> Operation:
        """Declare void every request with this id that was signed before and has not begun; return what stands."""
        with self._lock:
            found = self._find(request_id)
            if found is None or found.state == VOID:
                answer = Fault("void", "Nothing with this request_id was carried out.")
                self._db.execute(
                    "INSERT OR REPLACE INTO operation VALUES (?,?,?,?,?,?,?)",
                    (request_id, "", "", VOID, answer.status, json.dumps(answer.as_json()), signed_ms),
                )
                found = self._find(request_id)
            assert found is not None  # noqa: S101 -- just written
            return found

    def _find(self, request_id: str) -> Operation | None:
        row = self._db.execute(
            "SELECT request_id, path, mark, state, status, answer, void_before_ms FROM operation WHERE request_id=?",
            (request_id,),
        ).fetchone()
        if row is None:
            return None
        return Operation(row[0], row[1], row[2], row[3], row[4], json.loads(row[5]), row[6])
