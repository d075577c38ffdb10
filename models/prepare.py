#!/usr/bin/env python3
"""Installs ONNX Runtime, the `standard` model pack and the test photos below .faceql/.

Run by `make run`; run it again at any time: it goes on where it stopped, repairs what was changed,
and does nothing when all is there. models/README.md tells what comes from where.
"""

import sys

OLDEST_PYTHON = (3, 9)

# Before the other imports: they would fail on an older Python with a message that helps nobody.
if sys.version_info < OLDEST_PYTHON:
    sys.exit(
        "set-up: Python %d.%d is too old; it needs Python %d.%d or newer.\n"
        "Install one, put it first on your PATH as python3 and run the set-up again."
        % (sys.version_info[:2] + OLDEST_PYTHON)
    )

import argparse
import os
import shutil
from pathlib import Path

from set_up.failure import SetUpFailure
from set_up.install import Part
from set_up.lock import sole_set_up
from set_up.machine import this_machine
from set_up.parts import all_parts

PROJECT = Path(__file__).resolve().parent.parent
GROUPS = ("library", "pack", "photos")


def main() -> int:
    """Exit codes: 0 when all is in place, 1 after a failure, 130 after an interruption."""
    arguments = read_arguments()
    try:
        parts = [part for part in all_parts(arguments.home, this_machine()) if part.group in arguments.only]
        prepare(arguments.home, parts)
    except SetUpFailure as failure:
        print(f"set-up: {failure}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"set-up: {error}\nFix this and run the set-up again: it goes on where it stopped.", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nset-up: interrupted; run it again and it goes on where it stopped.", file=sys.stderr)
        return 130
    return 0


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    home = Path(os.environ.get("FACEQL_HOME") or PROJECT / ".faceql")
    parser.add_argument("--home", type=Path, default=home, help="where to install (FACEQL_HOME, or .faceql)")
    parser.add_argument("--only", nargs="+", choices=GROUPS, default=GROUPS, help="what to install (everything)")
    return parser.parse_args()


def prepare(home: Path, parts: list[Part]) -> None:
    """Installs the parts that are not in place. Downloads are kept until all of them are."""
    if not any(part.missing() for part in parts):
        print("set-up: all in place")
        return
    downloads = home / "downloads"
    with sole_set_up(home):
        for number, part in enumerate(parts, start=1):
            if part.missing():
                print(f"set-up: [{number}/{len(parts)}] installing {part.title}", flush=True)
                part.install(downloads)
        shutil.rmtree(downloads, ignore_errors=True)
    print(f"set-up: done, installed into {home}")


if __name__ == "__main__":
    sys.exit(main())
