//! The overhead of the engine compared with ONNX Runtime alone, and the cost of decoding. Every ratio is of two numbers
//! measured alternately in the same run. Needs the setup of `make prepare`. Run by `cargo bench -p vision`.

#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a benchmark prints its table and fails by panicking"
)]
#![expect(clippy::cast_possible_truncation, reason = "colours of a synthetic picture")]

use std::hint::black_box;
use std::io::{BufRead, BufReader, Lines, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use jpeg_encoder::{ColorType, Encoder, SamplingFactor};
use ort::session::Session;
use ort::session::builder::GraphOptimizationLevel;
use ort::value::TensorRef;
use vision::{DetectOptions, EmbeddedEngine, FaceEngine, ImageLimits, Pack, Picture};
use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;

/// The argument that makes this program the process of [`Bare`].
const BARE: &str = "--bare-session";
const LIMITS: ImageLimits =
    ImageLimits { max_bytes: 1 << 26, max_pixels: 50_000_000, max_decode_bytes: 1 << 30 };
const TURNS: usize = 11;
const TURNS_OF_LARGE_PICTURE: usize = 3;
const RUNS_PER_TURN: usize = 9;

fn main() {
    if std::env::args().any(|argument| argument == BARE) {
        return Bare::serve();
    }
    let mut engine = engine();
    let photo = std::fs::read(home().join("photos/obama.jpg")).unwrap();
    println!("one thread; medians in milliseconds\n");
    faces(&mut engine, &photo);
    batches(&mut engine, &photo);
    large_picture();
}

/// A photo of one megapixel with one face: each step relative to the encoder's bare session.
fn faces(engine: &mut EmbeddedEngine, photo: &[u8]) {
    let picture = Picture::decode(photo, &LIMITS).unwrap();
    let face = engine.detect(&picture, &DetectOptions::default()).unwrap().remove(0);
    let chip = engine.align(&picture, &face.landmarks);
    let mut session = Bare::start();
    let [bare, encode, whole, detect, align, decode] = medians(TURNS, |step| match step {
        0 => session.run(),
        1 => timed(|| engine.encode(std::slice::from_ref(&chip)).unwrap()),
        2 => timed(|| engine.encode_faces(&[(&picture, DetectOptions::default())]).unwrap()),
        3 => timed(|| engine.detect(&picture, &DetectOptions::default()).unwrap()),
        4 => timed(|| engine.align(&picture, &face.landmarks)),
        _ => timed(|| Picture::decode(photo, &LIMITS).unwrap()),
    });
    row("encoder, bare session", bare, bare);
    row("encoder, by the engine", encode, bare);
    row("detect, align and encode", whole, bare);
    row("  of which detect", detect, bare);
    row("  of which align", align, bare);
    row("decode JPEG, 1 MP (apart)", decode, bare);
}

/// Four chips in one run of the network compared with four runs.
fn batches(engine: &mut EmbeddedEngine, photo: &[u8]) {
    let picture = Picture::decode(photo, &LIMITS).unwrap();
    let face = engine.detect(&picture, &DetectOptions::default()).unwrap().remove(0);
    let chips = vec![engine.align(&picture, &face.landmarks); 4];
    let [single, batch] = medians(TURNS, |step| match step {
        0 => timed(|| {
            for chip in &chips {
                black_box(engine.encode(std::slice::from_ref(chip)).unwrap());
            }
        }),
        _ => timed(|| engine.encode(&chips).unwrap()),
    });
    row("4 chips, one by one", single, single);
    row("4 chips in a batch", batch, single);
}

/// A photo of 12 megapixels: decoded at half its size, as the engine does it, compared with its full size.
fn large_picture() {
    let (width, height) = (4000, 3000);
    let scene = scene(width.into(), height.into());
    for (name, sampling, progressive) in [
        ("baseline 4:2:0", SamplingFactor::R_4_2_0, false),
        ("baseline 4:4:4", SamplingFactor::R_4_4_4, false),
        ("progressive 4:2:0", SamplingFactor::R_4_2_0, true),
    ] {
        let mut file = Vec::new();
        let mut encoder = Encoder::new(&mut file, 90);
        encoder.set_sampling_factor(sampling);
        encoder.set_progressive(progressive);
        encoder.encode(&scene, width, height, ColorType::Rgb).unwrap();
        let [full, reduced] = medians(TURNS_OF_LARGE_PICTURE, |step| match step {
            0 => timed(|| JpegDecoder::new(ZCursor::new(&file)).decode().unwrap()),
            _ => timed(|| Picture::decode(&file, &LIMITS).unwrap()),
        });
        row(&format!("12 MP {name}, full"), full, full);
        row(&format!("12 MP {name}, reduced"), reduced, full);
    }
}

/// The encoder's graph on ONNX Runtime, without anything around it. It runs in a separate process, because a process
/// has one runtime and the engine does not share it. A byte requests a run; a line returns its duration in nanoseconds.
struct Bare {
    process: Child,
    answers: Lines<BufReader<ChildStdout>>,
}

impl Bare {
    fn start() -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        let mut process = command.arg(BARE).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let answers = BufReader::new(process.stdout.take().unwrap()).lines();
        let mut bare = Self { process, answers };
        bare.run();
        bare
    }

    fn run(&mut self) -> Duration {
        self.process.stdin.as_mut().unwrap().write_all(b".").unwrap();
        let nanoseconds = self.answers.next().unwrap().unwrap();
        Duration::from_nanos(nanoseconds.parse().unwrap())
    }

    fn serve() {
        let environment = ort::init_from(library()).unwrap().build().unwrap();
        let builder = Session::builder(&environment).unwrap().with_intra_threads(1).unwrap();
        let mut builder = builder.with_optimization_level(GraphOptimizationLevel::All).unwrap();
        let mut session = builder.commit_from_file(home().join("packs/standard/encoder.onnx")).unwrap();
        let chip = scene(150, 150);
        let input = TensorRef::from_array_view(([1_usize, 150, 150, 3], chip.as_slice())).unwrap();
        for _ in std::io::stdin().lock().bytes() {
            let time = timed(|| session.run(ort::inputs![&*input]).map(|_| ()).unwrap());
            println!("{}", time.as_nanos());
        }
    }
}

impl Drop for Bare {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        self.process.wait().unwrap();
    }
}

/// The median time of each step. The steps alternate, so that a slowdown of the machine affects them all. In its turn,
/// a step runs several times and the first run does not count, so that no step pays for caches filled by another.
fn medians<const STEPS: usize>(turns: usize, mut step: impl FnMut(usize) -> Duration) -> [Duration; STEPS] {
    let mut times: [Vec<Duration>; STEPS] = std::array::from_fn(|_| Vec::new());
    for _ in 0..turns {
        for (index, times) in times.iter_mut().enumerate() {
            step(index);
            times.extend((0..RUNS_PER_TURN).map(|_| step(index)));
        }
    }
    times.map(|mut times| {
        times.sort_unstable();
        times[times.len() / 2]
    })
}

fn timed<T>(work: impl FnOnce() -> T) -> Duration {
    let start = Instant::now();
    black_box(work());
    start.elapsed()
}

fn row(name: &str, time: Duration, unit: Duration) {
    println!("{name:<32} {:>8.2}  x{:.2}", time.as_secs_f64() * 1e3, time.as_secs_f64() / unit.as_secs_f64());
}

/// Shades, edges and noise, about as hard to compress as a photo.
fn scene(width: u32, height: u32) -> Vec<u8> {
    let mut random = 12345_u32;
    let mut pixels = Vec::with_capacity(width as usize * height as usize * 3);
    for y in 0..height {
        for x in 0..width {
            random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let edge = if (x / 300 + y / 300) % 2 == 0 { 40 } else { 0 };
            let shade = x * 120 / width + y * 60 / height + edge + (random >> 28);
            pixels.extend([shade as u8, (shade * 4 / 5) as u8, (shade * 3 / 5) as u8]);
        }
    }
    pixels
}

fn engine() -> EmbeddedEngine {
    let pack = Pack::load(&home().join("packs/standard")).unwrap();
    let mut engine = EmbeddedEngine::load(&library(), &pack, 1).unwrap();
    engine.warm_up().unwrap();
    engine
}

fn library() -> PathBuf {
    let name = format!("{}onnxruntime{}", std::env::consts::DLL_PREFIX, std::env::consts::DLL_SUFFIX);
    home().join("lib").join(name)
}

fn home() -> PathBuf {
    let home = std::env::var_os("FACEQL_HOME").map(PathBuf::from);
    let home = home.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../.faceql"));
    assert!(home.is_dir(), "{} is missing: run `make prepare` first", home.display());
    home
}
