"""Lets the tests import from models/, and creates the small parts that they install."""

from __future__ import annotations

import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from set_up import checksums  # noqa: E402
from set_up.install import Part  # noqa: E402


class FolderTest(unittest.TestCase):
    """A test with an empty folder of its own in `self.home`."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.home = Path(folder.name) / "home"

    def names_below_home(self) -> list[str]:
        return sorted(path.name for path in self.home.rglob("*") if path.is_file())


def part(folder: Path, expected: dict[str, bytes], make=None) -> Part:
    """A part that expects these files and, by default, creates them."""
    digests = {name: checksums.of_bytes(data) for name, data in expected.items()}
    return Part("pack", "a part", folder, digests, make or (lambda _downloads: expected.items()))
