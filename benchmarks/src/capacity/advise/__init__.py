"""What hardware and which limits a wanted load needs, by what was measured.

`question` is what is asked, `needs` the answer for it from one report, `entities` what
more of them cost, `choice` which report answers, `envfile` how limits come into an
environment file. All but the last are pure.
"""

from __future__ import annotations

from .choice import choose
from .needs import Answer, Need, answer
from .question import Question, parse_days, parse_seconds

__all__ = [
    "Answer",
    "Need",
    "Question",
    "answer",
    "choose",
    "parse_days",
    "parse_seconds",
]
