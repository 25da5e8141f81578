"""What generated events of one run have in common, prepared as bytes."""

from __future__ import annotations

from typing import Final

import msgspec

from ..errors import ControlError

MAX_SHAPES: Final = 65_535
"""Distinct shapes a run of the simulator may use; the journal stores 16 bits."""


class Shape:
    """One run id with its unit and padding: attributes differ only in the serial."""

    __slots__ = ("_head", "_tail", "payload_bytes", "run_id", "unit")

    def __init__(self, run_id: str, unit: str | None, payload_bytes: int) -> None:
        self.run_id = run_id
        self.unit = unit
        self.payload_bytes = payload_bytes
        self._head = b',"run_id":' + msgspec.json.encode(run_id)
        tail: dict[str, str] = {}
        if unit is not None:
            tail |= {"unit_of_measurement": unit, "state_class": "measurement"}
        if payload_bytes:
            tail["payload"] = "x" * payload_bytes
        encoded = msgspec.json.encode(tail)[1:]
        self._tail = b"," + encoded if tail else encoded

    def attributes(self, serial: int, intended_us: int) -> bytes:
        """Return the attributes' JSON; *intended_us* 0 means "not scheduled"."""
        if intended_us:
            return b'{"serial":%d%b,"intended_us":%d%b' % (
                serial,
                self._head,
                intended_us,
                self._tail,
            )
        return b'{"serial":%d%b%b' % (serial, self._head, self._tail)


class Shapes:
    """All shapes in use, numbered; equal ones share a number."""

    __slots__ = ("_numbers", "_shapes")

    def __init__(self) -> None:
        self._numbers: dict[tuple[str, str | None, int], int] = {}
        self._shapes: list[Shape] = []

    def number(
        self, run_id: str, *, unit: str | None = None, payload_bytes: int = 0
    ) -> int:
        """Return the number of this shape, making it when it is new.

        Raises:
            ControlError: more distinct shapes than `MAX_SHAPES` (status 409).
        """
        key = (run_id, unit, payload_bytes)
        known = self._numbers.get(key)
        if known is not None:
            return known
        if len(self._shapes) >= MAX_SHAPES:
            raise ControlError(409, "too_many_runs", f"{MAX_SHAPES} shapes are in use")
        self._numbers[key] = len(self._shapes)
        self._shapes.append(Shape(*key))
        return self._numbers[key]

    def __getitem__(self, number: int) -> Shape:
        return self._shapes[number]
