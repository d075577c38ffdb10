#!/usr/bin/env python3
"""Installs ONNX Runtime, the `standard` model pack and the test photos below .faceql/.

Run by `make run`. It can be run again at any time: it continues where it stopped, repairs changed files,
and does nothing if everything is installed. models/README.md lists the sources.
"""

import sys

OLDEST_PYTHON = (3, 9)

# Before the other imports, which would fail on an older Python with an unhelpful message.
if sys.version_info < OLDEST_PYTHON:
    sys.exit(
        "setup: Python %d.%d is too old; it needs Python %d.%d or newer.\n"
        "Install one, put it first on your PATH as python3 and run the setup again."
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
    """Exit codes: 0 if everything is installed, 1 after a failure, 130 after an interruption."""
    arguments = read_arguments()
    try:
        parts = [part for part in all_parts(arguments.home, this_machine()) if part.group in arguments.only]
        prepare(arguments.home, parts)
    except SetUpFailure as failure:
        print(f"setup: {failure}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"setup: {error}\nFix this and run the setup again: it continues where it stopped.", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nsetup: interrupted; run it again to continue where it stopped.", file=sys.stderr)
        return 130
    return 0


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    home = Path(os.environ.get("FACEQL_HOME") or PROJECT / ".faceql")
    parser.add_argument("--home", type=Path, default=home, help="where to install (default: FACEQL_HOME, or .faceql)")
    parser.add_argument("--only", nargs="+", choices=GROUPS, default=GROUPS, help="what to install (default: all)")
    return parser.parse_args()


def prepare(home: Path, parts: list[Part]) -> None:
    """Installs the missing parts. Downloads are kept until everything is installed."""
    if not any(part.missing() for part in parts):
        print("setup: everything is installed")
        return
    downloads = home / "downloads"
    with sole_set_up(home):
        for number, part in enumerate(parts, start=1):
            if part.missing():
                print(f"setup: [{number}/{len(parts)}] installing {part.title}", flush=True)
                part.install(downloads)
        shutil.rmtree(downloads, ignore_errors=True)
    print(f"setup: done, installed into {home}")


if __name__ == "__main__":
    sys.exit(main())
