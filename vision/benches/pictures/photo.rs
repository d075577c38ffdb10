//! A photo of 12 megapixels, as phones write it: baseline JPEG, colours at half the size.

use std::path::{Path, PathBuf};

use image::RgbImage;
use image::imageops::{self, FilterType};
use jpeg_encoder::{ColorType, Encoder, SamplingFactor};
use vision::{DetectOptions, EmbeddedEngine, FaceEngine, ImageLimits, Pack, Picture, annotate};
use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;

use crate::{medians, row, timed};

const LIMITS: ImageLimits =
    ImageLimits { max_bytes: 1 << 26, max_pixels: 50_000_000, max_decode_bytes: 1 << 30 };
const TURNS: usize = 9;
/// An aspect ratio of three to four, as in the sensor of a phone.
const WIDTH: u16 = 3000;
const HEIGHT: u16 = 4000;

pub(crate) fn bench() {
    let file = photo();
    println!("the file has {} bytes", file.len());
    let mut engine = engine(&home().join("packs/standard"));
    let mut thorough = engine_that_searches_whole_pictures();
    let options = DetectOptions::default();
    let picture = Picture::decode(&file, &LIMITS).unwrap();
    let faces = engine.detect(&picture, &options).unwrap();
    assert_eq!(faces.len(), 1);
    let [searched_whole, whole, reduced, decode_whole, decode_reduced, annotated] =
        medians(TURNS, |step| match step {
            0 => timed(|| thorough.detect(&decoded_whole(&file), &options).unwrap()),
            1 => timed(|| engine.detect(&decoded_whole(&file), &options).unwrap()),
            2 => timed(|| engine.detect(&Picture::decode(&file, &LIMITS).unwrap(), &options).unwrap()),
            3 => timed(|| decoded_whole(&file)),
            4 => timed(|| Picture::decode(&file, &LIMITS).unwrap()),
            _ => timed(|| annotate(&picture, &faces).unwrap()),
        });
    row("12 MP, decode and search whole", searched_whole, reduced);
    row("12 MP, decode whole and detect", whole, reduced);
    row("12 MP, decode reduced and detect", reduced, reduced);
    row("12 MP, decode whole", decode_whole, decode_whole);
    row("12 MP, decode reduced", decode_reduced, decode_whole);
    row("annotate and encode, 1,920 pixels", annotated, decode_whole);
}

fn decoded_whole(file: &[u8]) -> Picture {
    let pixels = JpegDecoder::new(ZCursor::new(file)).decode().unwrap();
    Picture::from_rgb(WIDTH.into(), HEIGHT.into(), pixels).unwrap()
}

/// A photo with one face, enlarged.
fn photo() -> Vec<u8> {
    let photo = Picture::decode(&std::fs::read(home().join("photos/obama.jpg")).unwrap(), &LIMITS).unwrap();
    let photo = RgbImage::from_raw(photo.width(), photo.height(), photo.pixels().to_vec()).unwrap();
    let large = imageops::resize(&photo, WIDTH.into(), HEIGHT.into(), FilterType::CatmullRom);
    let mut file = Vec::new();
    let mut encoder = Encoder::new(&mut file, 90);
    encoder.set_sampling_factor(SamplingFactor::R_4_2_0);
    encoder.encode(large.as_raw(), WIDTH, HEIGHT, ColorType::Rgb).unwrap();
    file
}

/// An engine that searches for faces of the same minimum size in pixels, but does not reduce the picture first.
fn engine_that_searches_whole_pictures() -> EmbeddedEngine {
    let folder = std::env::temp_dir().join(format!("faceql-bench-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    for file in std::fs::read_dir(home().join("packs/standard")).unwrap() {
        let file = file.unwrap();
        std::fs::copy(file.path(), folder.join(file.file_name())).unwrap();
    }
    let manifest = std::fs::read_to_string(folder.join("pack.toml")).unwrap();
    let (before, after) = ("working_size = 640", "working_size = 4000");
    assert!(manifest.contains(before));
    std::fs::write(folder.join("pack.toml"), manifest.replace(before, after)).unwrap();
    let engine = engine(&folder);
    std::fs::remove_dir_all(&folder).unwrap();
    engine
}

fn engine(pack: &Path) -> EmbeddedEngine {
    let name = format!("{}onnxruntime{}", std::env::consts::DLL_PREFIX, std::env::consts::DLL_SUFFIX);
    let pack = Pack::load(pack).unwrap();
    let mut engine = EmbeddedEngine::load(&home().join("lib").join(name), &pack, 1).unwrap();
    engine.warm_up().unwrap();
    engine
}

fn home() -> PathBuf {
    let home = std::env::var_os("FACEQL_HOME").map(PathBuf::from);
    let home = home.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../.faceql"));
    assert!(home.is_dir(), "{} is missing: run `make prepare` first", home.display());
    home
}
