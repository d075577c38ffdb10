"""Reads and compares SHA-256 digests. Every installed byte is verified here."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

READ_BYTES = 1 << 20


def of_bytes(data: bytes) -> str:
    """The digest as 64 hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


def of_file(path: Path) -> str | None:
    """The digest of a file, or None if it does not exist."""
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while block := file.read(READ_BYTES):
                digest.update(block)
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return None
    return digest.hexdigest()


def read_list(path: Path) -> dict[str, str]:
    """File name to digest, from a list in sha256sum's format."""
    pairs = (line.split(maxsplit=1) for line in path.read_text().splitlines())
    return {name: digest for digest, name in pairs}


def read_pack(manifest: Path) -> dict[str, str]:
    """File name to digest, from the lines `path = "..."` and `sha256 = "..."` of a pack.toml.

    Python can read TOML only since 3.11, and the setup needs nothing else from the manifest.
    """
    pairs = re.findall(r'^path = "([^"]+)"\nsha256 = "([0-9a-f]{64})"$', manifest.read_text(), re.MULTILINE)
    return dict(pairs)


def read_requirement(path: Path) -> set[str]:
    """The digests that a pip requirements file accepts."""
    return set(re.findall(r"--hash=sha256:([0-9a-f]{64})", path.read_text()))
