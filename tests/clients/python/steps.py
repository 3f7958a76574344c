"""Runs the steps of one client and prints a line of JSON for each: what it is, whether it held, what was wrong."""

from __future__ import annotations

import json
import sys
import traceback
from collections.abc import Callable, Mapping

Steps = Mapping[str, Callable[[], None]]


def run(steps_against: Callable[[str], Steps]) -> None:
    """Run the steps against the base URL of the command line, in order; a failed step stops none."""
    for name, step in steps_against(sys.argv[1]).items():
        detail = ""
        try:
            step()
        except Exception:
            detail = traceback.format_exc(limit=-3)
        print(json.dumps({"step": name, "ok": not detail, "detail": detail}), flush=True)
