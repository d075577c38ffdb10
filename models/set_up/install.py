"""Installs files completely or not at all. Called by prepare.py, part by part."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from set_up import checksums
from set_up.failure import SetUpFailure


@dataclass(frozen=True)
class Part:
    """Files from one source that belong in one folder.

    group: the value of `--only` that selects it.
    title: shown during the installation, with the size of the download.
    expected: the required SHA-256 of each file name.
    make: called with a folder for downloads; yields every file's name and bytes.
    """

    group: str
    title: str
    folder: Path
    expected: dict[str, str]
    make: Callable[[Path], Iterable[tuple[str, bytes]]]

    def missing(self) -> list[str]:
        """The names of the files that are missing or have another digest."""
        return [name for name, digest in self.expected.items() if checksums.of_file(self.folder / name) != digest]

    def install(self, downloads: Path) -> None:
        """Creates the files and installs each after verifying its digest."""
        self.folder.mkdir(parents=True, exist_ok=True)
        for leftover in self.folder.glob(".*.partial"):
            leftover.unlink()
        for name, data in self.make(downloads):
            require_digest(name, data, self.expected[name])
            write_whole(self.folder / name, data)
        if missing := self.missing():
            raise SetUpFailure(f"{self.title} came without {', '.join(missing)}.", "Please report this as a bug.")


def require_digest(name: str, data: bytes, expected: str) -> None:
    """Refuses bytes with another digest."""
    found = checksums.of_bytes(data)
    if found != expected:
        raise SetUpFailure(
            f"{name} has the SHA-256 {found}, but {expected} is expected.",
            "It was not installed. If you changed neither models/ nor the downloads, please report this as a bug.",
        )


def write_whole(target: Path, data: bytes) -> None:
    """Writes to a temporary file beside the target, then renames it, so that the target is never incomplete."""
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
