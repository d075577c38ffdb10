"""A setup that fails, is stopped or is run again leaves only complete files."""

import contextlib
import io
from unittest import mock

from support import FolderTest, part

import prepare
from set_up.failure import SetUpFailure
from set_up.install import write_whole


class InstallTest(FolderTest):
    def test_a_file_with_the_wrong_digest_is_named_and_not_installed(self):
        wrong = part(self.home, {"encoder.onnx": b"right"}, lambda _downloads: [("encoder.onnx", b"wrong")])
        with self.assertRaisesRegex(SetUpFailure, "encoder.onnx has the SHA-256"):
            wrong.install(self.home / "downloads")
        self.assertEqual(self.names_below_home(), [])

    def test_files_before_a_wrong_one_are_kept_so_that_the_next_run_continues(self):
        expected = {"pnet.onnx": b"first", "rnet.onnx": b"second"}
        made = [("pnet.onnx", b"first"), ("rnet.onnx", b"wrong")]
        half = part(self.home, expected, lambda _downloads: made)
        with self.assertRaises(SetUpFailure):
            half.install(self.home / "downloads")
        self.assertEqual(half.missing(), ["rnet.onnx"])

    def test_a_package_without_an_expected_file_is_a_failure(self):
        empty = part(self.home, {"obama.jpg": b"photo"}, lambda _downloads: [])
        with self.assertRaisesRegex(SetUpFailure, "without obama.jpg"):
            empty.install(self.home / "downloads")

    def test_an_interrupted_write_leaves_no_file(self):
        self.home.mkdir()
        with mock.patch("os.fsync", side_effect=KeyboardInterrupt), self.assertRaises(KeyboardInterrupt):
            write_whole(self.home / "encoder.onnx", b"weights")
        self.assertEqual(self.names_below_home(), [])

    def test_leftovers_of_a_killed_run_are_removed(self):
        self.home.mkdir()
        (self.home / ".encoder.onnx.partial").write_bytes(b"weig")
        part(self.home, {"encoder.onnx": b"weights"}).install(self.home / "downloads")
        self.assertEqual(self.names_below_home(), ["encoder.onnx"])

    def test_a_changed_file_is_repaired(self):
        good = part(self.home, {"encoder.onnx": b"weights"})
        good.install(self.home / "downloads")
        (self.home / "encoder.onnx").write_bytes(b"other weights")
        self.run_prepare(good)
        self.assertEqual((self.home / "encoder.onnx").read_bytes(), b"weights")

    def test_a_second_run_does_nothing(self):
        make = mock.Mock(return_value=[("encoder.onnx", b"weights")])
        good = part(self.home, {"encoder.onnx": b"weights"}, make)
        self.run_prepare(good)
        self.assertEqual(self.run_prepare(good), "setup: everything is installed\n")
        make.assert_called_once()

    def test_downloads_are_kept_after_a_failure_and_removed_after_success(self):
        downloads = self.home / "downloads"
        downloads.mkdir(parents=True)
        wrong = part(self.home, {"encoder.onnx": b"weights"}, lambda _downloads: [("encoder.onnx", b"")])
        with self.assertRaises(SetUpFailure):
            self.run_prepare(wrong)
        self.assertTrue(downloads.is_dir())
        self.run_prepare(part(self.home, {"encoder.onnx": b"weights"}))
        self.assertFalse(downloads.exists())

    def run_prepare(self, *parts) -> str:
        with contextlib.redirect_stdout(io.StringIO()) as output:
            prepare.prepare(self.home, list(parts))
        return output.getvalue()
