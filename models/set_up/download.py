"""Fetches pinned packages with pip, from whatever index the user's pip is configured for.

Each package has a requirements file with the digests it may have. A package that is complete and
right in the folder of downloads is not fetched again, so an interrupted set-up goes on where it was.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from set_up import checksums
from set_up.failure import SetUpFailure

REQUIREMENTS = Path(__file__).resolve().parent.parent / "requirements"


def wheel(package: str, folder: Path, platform: str = "any") -> Path:
    """The package's wheel for CPython 3.11 on the given platform, whatever Python runs this."""
    choice = ["--only-binary=:all:", "--python-version=3.11", "--implementation=cp", "--abi=cp311"]
    return _fetch(package, folder / platform, [*choice, "--abi=none", f"--platform={platform}"])


def source(package: str, folder: Path) -> Path:
    """The package's source archive.

    pip runs an archive's setup.py to learn its name, and by default with the newest setuptools there
    is. Here it runs with a pinned one, so that no code runs whose digest is not in this repository.
    """
    setuptools = wheel("setuptools", folder)
    with tempfile.TemporaryDirectory(dir=folder) as build_tools:
        zipfile.ZipFile(setuptools).extractall(build_tools)
        return _fetch(package, folder, ["--no-binary=:all:", "--no-build-isolation"], {"PYTHONPATH": build_tools})


def _fetch(package: str, folder: Path, choice: list[str], environment: dict[str, str] | None = None) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    requirement = REQUIREMENTS / f"{package}.txt"
    archive = _find(requirement, folder)
    if archive is None:
        _run_pip(package, requirement, folder, choice, environment or {})
        archive = _find(requirement, folder)
    if archive is None:
        raise SetUpFailure(f"pip fetched no file for {package}.", f"Remove {folder} and run the set-up again.")
    return archive


def _find(requirement: Path, folder: Path) -> Path | None:
    allowed = checksums.read_requirement(requirement)
    return next((path for path in sorted(folder.iterdir()) if checksums.of_file(path) in allowed), None)


def _run_pip(package: str, requirement: Path, folder: Path, choice: list[str], environment: dict[str, str]) -> None:
    if importlib.util.find_spec("pip") is None:
        raise SetUpFailure(
            f"{sys.executable} has no pip, which fetches the packages.",
            "Install it (`python3 -m ensurepip`, or the package python3-pip) and run the set-up again.",
        )
    visible = sys.stdout.isatty()  # A progress bar is for people, not for logs.
    command = [sys.executable, "-m", "pip", "download", "--disable-pip-version-check", "--no-input"]
    command += [] if visible else ["--quiet"]
    command += ["--no-deps", "--require-hashes", f"--requirement={requirement}", f"--dest={folder}", *choice]
    outcome = subprocess.run(
        command,
        env={**os.environ, **environment},
        stdout=None if visible else subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    if outcome.returncode != 0:
        raise _explain(package, outcome.stderr)


def _explain(package: str, complaint: str) -> SetUpFailure:
    """Turns what pip wrote to its error stream into what the user can do."""
    if "DO NOT MATCH THE HASHES" in complaint or "HashMismatch" in complaint:
        return SetUpFailure(
            f"The download of {package} does not have the SHA-256 that models/requirements/{package}.txt expects.",
            "It was not used. Run the set-up again; if it happens again, ask who runs your package index or proxy.",
        )
    reasons = [line for line in complaint.splitlines() if line.startswith("ERROR:")]
    reason = reasons[-1].removeprefix("ERROR:").strip() if reasons else "no reason given"
    return SetUpFailure(
        f"pip could not download {package}: {reason}",
        "Check that this machine is online and that `pip config list` names an index that it reaches, "
        "then run the set-up again: it goes on where it stopped.",
    )
