"""Machines without a build of ONNX Runtime are refused by name; supported ones have digests for all files."""

import unittest
from pathlib import Path
from unittest import mock

import support  # noqa: F401
from set_up import checksums, parts
from set_up.failure import SetUpFailure
from set_up.machine import MACHINES, this_machine


class MachineTest(unittest.TestCase):
    def test_an_unknown_machine_is_refused_by_name(self):
        with self.assertRaisesRegex(SetUpFailure, "Windows on AMD64"):
            self.machine("Windows", "AMD64")

    def test_a_linux_without_glibc_is_refused(self):
        with self.assertRaisesRegex(SetUpFailure, "Linux without glibc"):
            self.machine("Linux", "x86_64", libc=("", ""))

    def test_an_old_glibc_is_refused_and_a_new_one_taken(self):
        with self.assertRaisesRegex(SetUpFailure, "glibc 2.17"):
            self.machine("Linux", "aarch64", libc=("glibc", "2.17"))
        self.assertEqual(self.machine("Linux", "aarch64", libc=("glibc", "2.36")).name, "linux-aarch64")

    def test_an_old_macos_is_refused(self):
        with self.assertRaisesRegex(SetUpFailure, "macOS 13.6"):
            self.machine("Darwin", "arm64", macos="13.6")

    def test_every_machine_has_a_digest_for_every_file(self):
        pack = {"pnet.onnx", "rnet.onnx", "onet.onnx", "encoder.onnx"}
        self.assertEqual(set(checksums.read_pack(parts.MANIFEST)), pack)
        for machine in MACHINES.values():
            library, *_others = parts.all_parts(Path("home"), machine)
            self.assertEqual(set(library.expected), {machine.library, "LICENSE", "ThirdPartyNotices.txt"})

    def machine(self, system, processor, libc=("", ""), macos=""):
        with (
            mock.patch("platform.system", return_value=system),
            mock.patch("platform.machine", return_value=processor),
            mock.patch("platform.libc_ver", return_value=libc),
            mock.patch("platform.mac_ver", return_value=(macos, ("", "", ""), "")),
        ):
            return this_machine()
