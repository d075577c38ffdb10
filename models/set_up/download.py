"""Downloads pinned packages with pip, from the index that the user's pip is configured for.

Each package has a requirements file with its accepted digests. A package that is complete and valid in
the download folder is not downloaded again, so an interrupted setup continues where it stopped.
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
    """The package's wheel for CPython 3.11 on the given platform, independent of the running Python."""
    choice = ["--only-binary=:all:", "--python-version=3.11", "--implementation=cp", "--abi=cp311"]
    return _fetch(package, folder / platform, [*choice, "--abi=none", f"--platform={platform}"])


def source(package: str, folder: Path) -> Path:
    """The package's source archive.

    pip runs an archive's setup.py to find its name, by default with the newest setuptools. Here it runs
    with a pinned version, so that no code runs whose digest is not in this repository.
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
        raise SetUpFailure(f"pip downloaded no file for {package}.", f"Remove {folder} and run the setup again.")
    return archive


def _find(requirement: Path, folder: Path) -> Path | None:
    allowed = checksums.read_requirement(requirement)
    return next((path for path in sorted(folder.iterdir()) if checksums.of_file(path) in allowed), None)


def _run_pip(package: str, requirement: Path, folder: Path, choice: list[str], environment: dict[str, str]) -> None:
    if importlib.util.find_spec("pip") is None:
        raise SetUpFailure(
            f"{sys.executable} has no pip, which is needed to download packages.",
            "Install it (`python3 -m ensurepip`, or the package python3-pip) and run the setup again.",
        )
    visible = sys.stdout.isatty()  # A progress bar is useful in a terminal, not in a log.
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
    """Converts pip's error output into advice for the user."""
    if "DO NOT MATCH THE HASHES" in complaint or "HashMismatch" in complaint:
        return SetUpFailure(
            f"The download of {package} does not have the SHA-256 that models/requirements/{package}.txt expects.",
            "It was not used. Run the setup again; if this persists, ask the operator of your package index or proxy.",
        )
    reasons = [line for line in complaint.splitlines() if line.startswith("ERROR:")]
    reason = reasons[-1].removeprefix("ERROR:").strip() if reasons else "no reason given"
    return SetUpFailure(
        f"pip could not download {package}: {reason}",
        "Check that this machine is online and that `pip config list` names an index that it can reach, "
        "then run the setup again: it continues where it stopped.",
    )
