"""Puts files in place whole or not at all. Called by prepare.py, part by part."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from set_up import checksums
from set_up.failure import SetUpFailure


@dataclass(frozen=True)
class Part:
    """Some files of one origin that belong into one folder.

    group: what the user may ask for by `--only`.
    title: what the user reads meanwhile, with the size of the download.
    expected: file name to SHA-256, the contract.
    make: given a folder for downloads, yields every file's name and bytes.
    """

    group: str
    title: str
    folder: Path
    expected: dict[str, str]
    make: Callable[[Path], Iterable[tuple[str, bytes]]]

    def missing(self) -> list[str]:
        """The names of the files that are absent or not what they should be."""
        return [name for name, digest in self.expected.items() if checksums.of_file(self.folder / name) != digest]

    def install(self, downloads: Path) -> None:
        """Makes the files and puts each in place once its digest is right."""
        self.folder.mkdir(parents=True, exist_ok=True)
        for leftover in self.folder.glob(".*.partial"):
            leftover.unlink()
        for name, data in self.make(downloads):
            require_digest(name, data, self.expected[name])
            write_whole(self.folder / name, data)
        if missing := self.missing():
            raise SetUpFailure(f"{self.title} came without {', '.join(missing)}.", "Please report this as a fault.")


def require_digest(name: str, data: bytes, expected: str) -> None:
    """Refuses bytes that are not the expected ones."""
    found = checksums.of_bytes(data)
    if found != expected:
        raise SetUpFailure(
            f"{name} has the SHA-256 {found}, where {expected} is expected.",
            "It was not installed. If you changed neither models/ nor the downloads, please report this as a fault.",
        )


def write_whole(target: Path, data: bytes) -> None:
    """Writes beside the target, then renames: whoever looks sees all of the file or none of it."""
    partial = target.with_name(f".{target.name}.partial")
    try:
        with partial.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(target)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
