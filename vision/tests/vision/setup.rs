//! Paths of models and photos, and the reference numbers for the engine.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use vision::{EmbeddedEngine, Embedding, ImageLimits, Landmarks, Pack, Picture, Point};

/// Limits that no test photo reaches.
pub(crate) const LIMITS: ImageLimits =
    ImageLimits { max_bytes: 1 << 26, max_pixels: 50_000_000, max_decode_bytes: 1 << 30 };

/// The folder of `make prepare`: `$FACEQL_HOME`, or `.faceql` beside the workspace's manifest.
pub(crate) fn home() -> PathBuf {
    let home = std::env::var_os("FACEQL_HOME").map(PathBuf::from);
    let home = home.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../.faceql"));
    assert!(home.is_dir(), "{} is missing: run `make prepare` first", home.display());
    home
}

/// The standard pack's folder.
pub(crate) fn pack_folder() -> PathBuf {
    home().join("packs/standard")
}

/// An engine with the standard pack.
pub(crate) fn engine() -> EmbeddedEngine {
    let pack = Pack::load(&pack_folder()).unwrap();
    EmbeddedEngine::load(&runtime(), &pack, 1).unwrap()
}

/// ONNX Runtime's library.
pub(crate) fn runtime() -> PathBuf {
    let name = format!("{}onnxruntime{}", std::env::consts::DLL_PREFIX, std::env::consts::DLL_SUFFIX);
    home().join("lib").join(name)
}

/// The bytes of a test photo.
pub(crate) fn photo(name: &str) -> Vec<u8> {
    let path = home().join("photos").join(name);
    std::fs::read(&path)
        .unwrap_or_else(|error| panic!("{}: {error}; run `make prepare` first", path.display()))
}

/// A test photo, decoded.
pub(crate) fn picture(name: &str) -> Picture {
    Picture::decode(&photo(name), &LIMITS).unwrap()
}

/// Numbers of two other implementations: a prototype of this pipeline in Python, and dlib as used by the
/// `face_recognition` package.
#[derive(Deserialize)]
pub(crate) struct Golden {
    pub(crate) photos: BTreeMap<String, GoldenPhoto>,
    pub(crate) synthetic_chip: SyntheticChip,
}

#[derive(Deserialize)]
pub(crate) struct GoldenPhoto {
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) mtcnn: Vec<PrototypeFace>,
    pub(crate) dlib: Vec<ReferenceFace>,
}

#[derive(Deserialize)]
pub(crate) struct PrototypeFace {
    #[serde(rename = "box")]
    pub(crate) bounds: [f32; 4],
    landmarks: [[f32; 2]; 5],
    pub(crate) encoding: Vec<f32>,
}

#[derive(Deserialize)]
pub(crate) struct ReferenceFace {
    pub(crate) encoding: Vec<f32>,
}

/// A chip that needs no photo: pixel(x, y, c) = (3x + 5y + 40c) mod 256, 150x150.
#[derive(Deserialize)]
pub(crate) struct SyntheticChip {
    pub(crate) dlib_encoding: Vec<f32>,
}

impl Golden {
    pub(crate) fn read() -> Self {
        serde_json::from_str(include_str!("golden.json")).unwrap()
    }

    /// The photos that show a whole face, by name.
    pub(crate) fn whole_faces(&self) -> impl Iterator<Item = (&String, &GoldenPhoto)> {
        self.photos.iter().filter(|(name, _)| !name.contains("partial"))
    }
}

impl PrototypeFace {
    pub(crate) fn landmarks(&self) -> Landmarks {
        Landmarks::from_points(self.landmarks.map(|[x, y]| Point::new(x, y)))
    }
}

/// The Euclidean distance of an embedding to the numbers of another implementation.
pub(crate) fn distance_to(embedding: &Embedding, values: &[f32]) -> f32 {
    let other = Embedding::new(embedding.model(), values.to_vec()).unwrap();
    embedding.distance(&other, vision::Metric::Euclidean).unwrap()
}

/// A JPEG with an EXIF orientation, 1 to 8.
pub(crate) fn with_orientation(jpeg: &[u8], orientation: u16) -> Vec<u8> {
    let mut exif = b"Exif\0\0MM\0\x2A\0\0\0\x08".to_vec();
    // One entry: tag 0x0112, type short, count 1, its value in the upper half; then no further directory.
    exif.extend([0, 1, 0x01, 0x12, 0, 3, 0, 0, 0, 1]);
    exif.extend(orientation.to_be_bytes());
    exif.extend([0; 6]);
    let length = u16::try_from(exif.len() + 2).unwrap();
    [&jpeg[..2], &[0xFF, 0xE1], &length.to_be_bytes(), &exif, &jpeg[2..]].concat()
}
