"""Everything that the setup installs, in order: the source and the digest of each file."""

from __future__ import annotations

import tarfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

from convert.dlib_encoder import convert_encoder
from convert.mtcnn import convert_onet, convert_pnet, convert_rnet
from set_up import checksums, download
from set_up.install import Part, require_digest
from set_up.machine import Machine

MODELS = Path(__file__).resolve().parent.parent
CHECKSUMS = MODELS / "checksums"
MANIFEST = MODELS / "standard" / "pack.toml"

DETECTOR = {"pnet": convert_pnet, "rnet": convert_rnet, "onet": convert_onet}
ENCODER_WEIGHTS = "dlib_face_recognition_resnet_model_v1.dat"


def all_parts(home: Path, machine: Machine) -> list[Part]:
    """The parts for this machine, below the folder `home`. The pack's manifest is installed after its
    models, so that a pack with a manifest is complete."""
    pack = home / "packs" / "standard"
    models = checksums.read_pack(MANIFEST)
    detector = {name: digest for name, digest in models.items() if name != "encoder.onnx"}
    encoder = {"encoder.onnx": models["encoder.onnx"]}
    manifest = {MANIFEST.name: checksums.of_file(MANIFEST)}
    library = checksums.read_list(CHECKSUMS / f"onnxruntime-{machine.name}.sha256")
    photos = checksums.read_list(CHECKSUMS / "photos.sha256")
    return [
        Part("library", f"ONNX Runtime for {machine.name} (24 MB)", home / "lib", library, _library(machine)),
        Part("pack", "standard pack: face detector (2 MB)", pack, detector, _detector),
        Part("pack", "standard pack: face encoder (100 MB)", pack, encoder, _encoder),
        Part("pack", "standard pack: manifest", pack, manifest, _manifest),
        Part("photos", "test photos (3 MB)", home / "photos", photos, _photos),
    ]


def _library(machine: Machine) -> Callable[[Path], Iterator[tuple[str, bytes]]]:
    def make(downloads: Path) -> Iterator[tuple[str, bytes]]:
        with zipfile.ZipFile(download.wheel("onnxruntime", downloads, machine.wheel_platform)) as archive:
            for name in ("LICENSE", "ThirdPartyNotices.txt"):
                yield name, archive.read(f"onnxruntime/{name}")
            # The member's name ends in a version; the dot excludes libonnxruntime_providers_shared.
            members = archive.namelist()
            library = next(name for name in members if name.startswith("onnxruntime/capi/libonnxruntime."))
            yield machine.library, archive.read(library)

    return make


def _detector(downloads: Path) -> Iterator[tuple[str, bytes]]:
    with zipfile.ZipFile(download.wheel("facenet-pytorch", downloads)) as archive:
        for name, convert in DETECTOR.items():
            weights = archive.read(f"facenet_pytorch/data/{name}.pt")
            yield f"{name}.onnx", convert(_checked(f"{name}.pt", weights))


def _encoder(downloads: Path) -> Iterator[tuple[str, bytes]]:
    members = _tar_members(download.source("face_recognition_models", downloads), {ENCODER_WEIGHTS})
    for name, weights in members:
        yield "encoder.onnx", convert_encoder(_checked(name, weights))


def _manifest(_downloads: Path) -> Iterator[tuple[str, bytes]]:
    yield MANIFEST.name, MANIFEST.read_bytes()


def _photos(downloads: Path) -> Iterator[tuple[str, bytes]]:
    names = set(checksums.read_list(CHECKSUMS / "photos.sha256"))
    yield from _tar_members(download.source("face_recognition", downloads), names)


def _tar_members(archive: Path, names: set[str]) -> Iterator[tuple[str, bytes]]:
    """The members with these file names, at any path in the archive; nothing is unpacked to disk."""
    with tarfile.open(archive) as tar:
        for member in tar:
            name = Path(member.name).name
            if member.isfile() and name in names:
                yield name, tar.extractfile(member).read()


def _checked(name: str, weights: bytes) -> bytes:
    require_digest(name, weights, checksums.read_list(CHECKSUMS / "sources.sha256")[name])
    return weights
