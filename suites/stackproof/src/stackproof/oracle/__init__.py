"""The oracle: what the source made against what the database holds.

`HistoryWriter` saves a run, `read_history` opens it, `judge` returns the verdict. The
judge reads what was saved and nothing else, so a run can be judged again at any time.
"""

from __future__ import annotations

from .history import History, HistoryWriter, Part, read_history
from .impact import FaultImpact, LossWindow
from .judge import judge
from .judgement import Example, Finding, Flaw, Judgement, Tally, overall
from .records import (
    GAPS,
    Attributes,
    Counters,
    Coverage,
    FaultProof,
    GapRow,
    Seen,
    Sent,
    Stage,
    StageRecord,
    Stored,
)
from .run import Limits, Planned, RunRecord

__all__ = [
    "GAPS",
    "Attributes",
    "Counters",
    "Coverage",
    "Example",
    "FaultImpact",
    "FaultProof",
    "Finding",
    "Flaw",
    "GapRow",
    "History",
    "HistoryWriter",
    "Judgement",
    "Limits",
    "LossWindow",
    "Part",
    "Planned",
    "RunRecord",
    "Seen",
    "Sent",
    "Stage",
    "StageRecord",
    "Stored",
    "Tally",
    "judge",
    "overall",
    "read_history",
]
