"""Failures of pip are explained. pip itself is never run here."""

import subprocess
from unittest import mock

from support import FolderTest

from set_up import checksums, download
from set_up.failure import SetUpFailure


class DownloadTest(FolderTest):
    def setUp(self):
        super().setUp()
        requirements = self.home / "requirements"
        requirements.mkdir(parents=True)
        digest = checksums.of_bytes(b"a wheel")
        (requirements / "package.txt").write_text(f"package==1 \\\n    --hash=sha256:{digest}\n")
        self.enterContextOf(mock.patch.object(download, "REQUIREMENTS", requirements))
        self.downloads = self.home / "downloads"

    def enterContextOf(self, patch):
        self.addCleanup(patch.stop)
        return patch.start()

    def test_a_complete_download_is_not_fetched_again(self):
        self.answer_of_pip(writes=b"a wheel")
        first = download.wheel("package", self.downloads)
        pip = self.answer_of_pip(complaint="ERROR: must not be asked")
        self.assertEqual(download.wheel("package", self.downloads), first)
        pip.assert_not_called()

    def test_an_incomplete_download_is_fetched_again(self):
        (self.downloads / "any").mkdir(parents=True)
        (self.downloads / "any" / "package.whl").write_bytes(b"a wh")
        self.answer_of_pip(writes=b"a wheel")
        self.assertEqual(download.wheel("package", self.downloads).read_bytes(), b"a wheel")

    def test_a_package_with_another_digest_is_named(self):
        self.answer_of_pip(complaint="ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE.")
        with self.assertRaisesRegex(SetUpFailure, "models/requirements/package.txt expects"):
            download.wheel("package", self.downloads)

    def test_offline_reports_the_message_of_pip_and_what_to_do(self):
        self.answer_of_pip(complaint="WARNING: retrying\nERROR: No matching distribution found for package==1\n")
        with self.assertRaises(SetUpFailure) as failure:
            download.wheel("package", self.downloads)
        self.assertIn("No matching distribution found for package==1", failure.exception.what)
        self.assertIn("online", failure.exception.how_to_go_on)

    def test_a_missing_pip_is_reported_with_how_to_install_it(self):
        self.enterContextOf(mock.patch("importlib.util.find_spec", return_value=None))
        with self.assertRaisesRegex(SetUpFailure, "has no pip"):
            download.wheel("package", self.downloads)

    def answer_of_pip(self, writes: bytes = b"", complaint: str = ""):
        def run(command, **_options):
            if writes:
                (self.downloads / "any" / "package.whl").write_bytes(writes)
            return subprocess.CompletedProcess(command, 1 if complaint else 0, stderr=complaint)

        return self.enterContextOf(mock.patch("subprocess.run", side_effect=run))
