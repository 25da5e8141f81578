"""The ledger: what this Home Assistant did, one JSON line for each event."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from .journal import EXPLICIT, REMOVED, Journal
from .recorder import Recorder
from .shapes import Shapes
from .states import StateMachine, generated_state
from .wire import WireLog


class Ledger:
    """Reads the journal, the recorder and the wire log together."""

    def __init__(
        self,
        journal: Journal,
        shapes: Shapes,
        states: StateMachine,
        recorder: Recorder,
        wire: WireLog,
    ) -> None:
        self._journal = journal
        self._shapes = shapes
        self._states = states
        self._recorder = recorder
        self._wire = wire

    def lines(self, *, run_id: str | None, after: int, upto: int) -> Iterator[bytes]:
        """Yield the events with serials in (*after*, *upto*], oldest first.

        The journal may drop old events while the caller pauses between lines; they
        are then left out. `capped` of the journal tells.
        """
        first = max(after + 1, self._journal.first)
        for start, end, connections in self._wire.spans(first, upto):
            on_wire = msgspec.json.encode(connections)
            for serial in range(start, end + 1):
                if serial < self._journal.first:
                    continue
                row = self._journal.row(serial)
                shape = self._shapes[row.shape]
                if run_id is not None and shape.run_id != run_id:
                    continue
                yield self._line(serial, on_wire)

    def _line(self, serial: int, on_wire: bytes) -> bytes:
        row = self._journal.row(serial)
        removed = bool(row.flags & REMOVED)
        written = self._journal.written(serial)
        if removed:
            state = b"null"
        elif written:
            state = written.state
        elif row.flags & EXPLICIT:
            state = b"null"
        else:
            state = b'"%b"' % generated_state(serial)
        return (
            b'{"serial":%d,"run_id":%b,"entity_id":%b,"last_updated_us":%d,'
            b'"state":%b,"removed":%b,"intended_us":%b,"on_wire":%b,"recorded":%b}\n'
        ) % (
            serial,
            msgspec.json.encode(self._shapes[row.shape].run_id),
            self._states.numbered(row.entity).quoted,
            row.updated_us,
            state,
            b"true" if removed else b"false",
            b"%d" % row.intended_us if row.intended_us else b"null",
            on_wire,
            b"true" if self._recorder.holds(row) else b"false",
        )
