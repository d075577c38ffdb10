"""The machines for which ONNX Runtime publishes builds; others are refused."""

from __future__ import annotations

import platform
from typing import NamedTuple

from set_up.failure import SetUpFailure


class Machine(NamedTuple):
    """A supported machine: our name for it, pip's platform tag, and the library's file name."""

    name: str
    wheel_platform: str
    library: str


MACHINES = {
    ("Linux", "x86_64"): Machine("linux-x86_64", "manylinux_2_28_x86_64", "libonnxruntime.so"),
    ("Linux", "aarch64"): Machine("linux-aarch64", "manylinux_2_28_aarch64", "libonnxruntime.so"),
    ("Darwin", "arm64"): Machine("macos-arm64", "macosx_14_0_arm64", "libonnxruntime.dylib"),
}
OLDEST_GLIBC = (2, 28)
OLDEST_MACOS = (14, 0)


def this_machine() -> Machine:
    """The current machine. Raises SetUpFailure if there is no build of ONNX Runtime for it."""
    system, processor = platform.system(), platform.machine()
    machine = MACHINES.get((system, processor))
    if machine is None:
        raise _unsupported(f"{system} on {processor}")
    if system == "Linux":
        name, version = platform.libc_ver()
        if name != "glibc" or _numbers(version) < OLDEST_GLIBC:
            raise _unsupported(f"Linux with {name} {version}" if name else "Linux without glibc")
    if system == "Darwin" and _numbers(platform.mac_ver()[0]) < OLDEST_MACOS:
        raise _unsupported(f"macOS {platform.mac_ver()[0]}")
    return machine


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".")[:2])


def _unsupported(found: str) -> SetUpFailure:
    return SetUpFailure(
        f"This machine is {found}, for which there is no build of ONNX Runtime.",
        "FaceQL runs on Linux (x86-64 or aarch64, glibc 2.28 or newer) and on macOS 14 or newer (Apple silicon).",
    )
