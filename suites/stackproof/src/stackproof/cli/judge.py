"""`stackproof judge`: the verdict of a saved run, once more."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from ..check import Verdict
from ..oracle import judge, read_history
from .options import FAIL, PASS, UNKNOWN

_CODES = {Verdict.PASS: PASS, Verdict.FAIL: FAIL}


def judge_again(folder: Path, *, as_json: bool) -> int:
    """Print the verdict of a saved run; 1 when it fails, 3 when it proves nothing.

    Raises:
        SourceError: the folder holds no history, or a line that cannot be read.
    """
    judgement = judge(read_history(folder))
    if as_json:
        document = json.dumps(judgement.document(), indent=2, ensure_ascii=False)
        sys.stdout.write(f"{document}\n")
    else:
        sys.stdout.write(f"{judgement}\n")
    return _CODES.get(judgement.verdict, UNKNOWN)
