"""Start and observe this repository's stack from its suites.

`reference_stack.options` and `reference_stack.promises` are pytest plugins,
`reference_stack.fixtures` is what a suite's conftest.py imports; none is imported here.
"""

from __future__ import annotations

from .admin import AdminApi, ServiceApi
from .chapters import BURST_ENTITIES, BURSTS, CHAPTERS, Chapter
from .conversation import Conversation, Speaker
from .errors import (
    BadAnswer,
    LedgerIncomplete,
    ReferenceStackError,
    SourceSilent,
    TokenMissing,
)
from .homeassistant import Change, HomeAssistant, Observed
from .past import live_through, remember
from .project import (
    DATABASE,
    LONG_RUNNING,
    REPOSITORY,
    SERVICES,
    SourceKind,
    StackProject,
    Variant,
    prepare,
)
from .simulator import Load, Sent, Simulator
from .stack import ReferenceStack
from .transcript import Notation, first_difference, skeleton

__all__ = [
    "BURSTS",
    "BURST_ENTITIES",
    "CHAPTERS",
    "DATABASE",
    "LONG_RUNNING",
    "REPOSITORY",
    "SERVICES",
    "AdminApi",
    "BadAnswer",
    "Change",
    "Chapter",
    "Conversation",
    "HomeAssistant",
    "LedgerIncomplete",
    "Load",
    "Notation",
    "Observed",
    "ReferenceStack",
    "ReferenceStackError",
    "Sent",
    "ServiceApi",
    "Simulator",
    "SourceKind",
    "SourceSilent",
    "Speaker",
    "StackProject",
    "TokenMissing",
    "Variant",
    "first_difference",
    "live_through",
    "prepare",
    "remember",
    "skeleton",
]
