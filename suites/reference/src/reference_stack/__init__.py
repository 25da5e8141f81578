"""Start and observe this repository's stack from its suites.

`reference_stack.options` is a pytest plugin, `reference_stack.fixtures` what a suite's
conftest.py imports; neither is imported here.
"""

from __future__ import annotations

from .admin import AdminApi, ServiceApi
from .errors import (
    BadAnswer,
    LedgerIncomplete,
    ReferenceStackError,
    SourceSilent,
    TokenMissing,
)
from .homeassistant import Change, HomeAssistant, Observed
from .project import (
    DATABASE,
    LONG_RUNNING,
    REPOSITORY,
    SERVICES,
    SourceKind,
    StackProject,
    prepare,
)
from .simulator import Load, Sent, Simulator
from .stack import ReferenceStack

__all__ = [
    "DATABASE",
    "LONG_RUNNING",
    "REPOSITORY",
    "SERVICES",
    "AdminApi",
    "BadAnswer",
    "Change",
    "HomeAssistant",
    "LedgerIncomplete",
    "Load",
    "Observed",
    "ReferenceStack",
    "ReferenceStackError",
    "Sent",
    "ServiceApi",
    "Simulator",
    "SourceKind",
    "SourceSilent",
    "StackProject",
    "TokenMissing",
    "prepare",
]
