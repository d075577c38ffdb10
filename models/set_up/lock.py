"""Keeps two set-ups from writing into the same folder at once. Called by prepare.py."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def sole_set_up(home: Path) -> Iterator[None]:
    """Waits until no other set-up writes below `home`. The lock ends with the process that holds it."""
    import fcntl  # Here, since Windows lacks it, and must get as far as being refused by name.

    home.mkdir(parents=True, exist_ok=True)
    folder = os.open(home, os.O_RDONLY)
    try:
        try:
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("set-up: waiting for another set-up to end", flush=True)
            fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)
