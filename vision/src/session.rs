//! ONNX Runtime in three operations: load the library, load a network, run it on bytes. No other module uses `ort`.

use std::path::{Path, PathBuf};
use std::sync::Mutex;

use ort::environment::Environment;
use ort::session::builder::{GraphOptimizationLevel, SessionBuilder};
use ort::session::{Session, SessionOutputs};
use ort::value::TensorRef;

use crate::engine::EngineError;

/// ONNX Runtime's shared library, loaded once per process.
#[derive(Debug, Clone)]
pub(crate) struct Runtime(Environment);

// The library that the process has loaded, and its path. It can be neither unloaded nor loaded twice.
static LOADED: Mutex<Option<(PathBuf, Runtime)>> = Mutex::new(None);

impl Runtime {
    /// Loads the library, or returns the one that is loaded. A second path is refused: it would be ignored silently.
    pub(crate) fn load(path: &Path) -> Result<Self, EngineError> {
        let unavailable = |reason: String| EngineError::RuntimeUnavailable { path: path.to_owned(), reason };
        // An absolute path, or `ort` would search beside the executable first, and panic where there is none.
        let path = path.canonicalize().map_err(|error| unavailable(error.to_string()))?;
        let mut loaded = LOADED.lock().map_err(|error| unavailable(error.to_string()))?;
        match &*loaded {
            Some((from, runtime)) if *from == path => Ok(runtime.clone()),
            Some((from, _)) => Err(unavailable(format!("this process already runs {}", from.display()))),
            None => {
                let library = ort::init_from(&path).map_err(|error| unavailable(error.to_string()))?;
                let environment = library.with_name("faceql").with_telemetry(false).build();
                let runtime = Self(environment.map_err(|error| unavailable(error.to_string()))?);
                *loaded = Some((path, runtime.clone()));
                Ok(runtime)
            }
        }
    }
}

/// One ONNX graph, ready to run. Input: one tensor of bytes. Outputs: tensors of 32-bit floats, by name.
#[derive(Debug)]
pub(crate) struct Network {
    file: PathBuf,
    session: Session,
}

impl Network {
    /// Loads the graph of a file, fully optimised; operators run one after the other, each on `threads` threads.
    pub(crate) fn load(runtime: &Runtime, file: &Path, threads: usize) -> Result<Self, EngineError> {
        let unusable = |reason: String| EngineError::ModelUnusable { file: file.to_owned(), reason };
        let mut builder = session_builder(runtime, threads).map_err(unusable)?;
        let session = builder.commit_from_file(file).map_err(|error| unusable(error.to_string()))?;
        Ok(Self { file: file.to_owned(), session })
    }

    /// Runs the graph on `bytes` as a tensor of `shape`; the bytes are not copied.
    pub(crate) fn run(&mut self, shape: [usize; 4], bytes: &[u8]) -> Result<Outputs<'_>, EngineError> {
        let file = &self.file;
        let failed =
            |error: ort::Error| EngineError::Inference { file: file.clone(), reason: error.to_string() };
        let input = TensorRef::from_array_view((shape, bytes)).map_err(failed)?;
        let values = self.session.run(ort::inputs![input]).map_err(failed)?;
        Ok(Outputs { file, values })
    }
}

/// The outputs of a run, valid until the network is run again.
#[derive(Debug)]
pub(crate) struct Outputs<'network> {
    file: &'network Path,
    values: SessionOutputs<'network>,
}

impl Outputs<'_> {
    /// The numbers of an output in row-major order. Refuses any other count than `expected`.
    pub(crate) fn numbers(&self, name: &str, expected: usize) -> Result<&[f32], EngineError> {
        let failed = |reason: String| EngineError::Inference { file: self.file.to_owned(), reason };
        let value = self.values.get(name).ok_or_else(|| failed(format!("it has no output `{name}`")))?;
        let (shape, numbers) =
            value.try_extract_tensor::<f32>().map_err(|error| failed(error.to_string()))?;
        if numbers.len() != expected {
            return Err(failed(format!(
                "output `{name}` is {shape}, where {expected} numbers were expected"
            )));
        }
        Ok(numbers)
    }
}

// The builder's error contains the builder, which is not needed; only its text is kept.
fn session_builder(runtime: &Runtime, threads: usize) -> Result<SessionBuilder, String> {
    Session::builder(&runtime.0)
        .map_err(|error| error.to_string())?
        .with_optimization_level(GraphOptimizationLevel::All)
        .map_err(|error| error.to_string())?
        .with_intra_threads(threads)
        .map_err(|error| error.to_string())?
        .with_inter_threads(1)
        .map_err(|error| error.to_string())
}
