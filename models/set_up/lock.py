"""Prevents two setups from writing into the same folder at once. Called by prepare.py."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def sole_set_up(home: Path) -> Iterator[None]:
    """Waits until no other setup writes below `home`. The lock is released when its process ends."""
    import fcntl  # Imported here, since Windows lacks it and must still get its own error message.

    home.mkdir(parents=True, exist_ok=True)
    folder = os.open(home, os.O_RDONLY)
    try:
        try:
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("setup: waiting for another setup to finish", flush=True)
            fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)
