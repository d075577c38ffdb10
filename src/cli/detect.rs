//! `faceql detect`: finds the faces in image files without a server.

use std::collections::HashSet;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use serde_json::json;
use vision::{DetectOptions, EmbeddedEngine, FaceEngine, ImageLimits, Pack, Picture};

use super::Fault;
use super::local::{read, target, write, write_json};
use super::{complain, say};
use crate::config::Config;
use crate::graphql::DetectedFace;
use crate::inference::EngineConfig;

/// The arguments of `faceql detect`.
#[derive(Args)]
pub(super) struct DetectArgs {
    /// Image files.
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// Minimum confidence of a face, from 0 to 1.
    #[arg(long, value_parser = confidence)]
    min_confidence: Option<f32>,
    /// Maximum number of faces per image; the largest are kept.
    #[arg(long)]
    max_faces: Option<NonZeroUsize>,
    /// Output folder; by default the folder of each image.
    #[arg(long)]
    output: Option<PathBuf>,
}

fn confidence(text: &str) -> Result<f32, String> {
    let number = text.parse().ok().filter(|number| (0.0..=1.0).contains(number));
    number.ok_or_else(|| "a number from 0 to 1".into())
}

/// Writes NAME.faces.jpg and NAME.faces.json for each image. A failure of one image does not stop the others.
pub(super) fn run(config: &Config, arguments: &DetectArgs) -> Result<ExitCode, Fault> {
    check_output(arguments)?;
    let mut engine = engine(&config.engine)?;
    let mut code = ExitCode::SUCCESS;
    for file in &arguments.files {
        match detect(&mut engine, file, arguments, &config.engine.limits) {
            Ok(line) => say(&line),
            Err(fault) => {
                complain(&*fault);
                code = ExitCode::FAILURE;
            }
        }
    }
    Ok(code)
}

/// Checks before any work that the output folder exists and no two images have the same output file.
fn check_output(arguments: &DetectArgs) -> Result<(), Fault> {
    if let Some(folder) = arguments.output.as_ref().filter(|folder| !folder.is_dir()) {
        return Err(format!("{} is not a folder", folder.display()).into());
    }
    let mut results = HashSet::new();
    for file in &arguments.files {
        let result = target(file, arguments.output.as_deref(), "faces.json");
        if !results.insert(result.clone()) {
            return Err(format!("two of the images would be written to {}", result.display()).into());
        }
    }
    Ok(())
}

fn engine(config: &EngineConfig) -> Result<EmbeddedEngine, Fault> {
    let pack = Pack::load(&config.pack)?;
    let engine = EmbeddedEngine::load(&config.runtime, &pack, config.threads)?;
    Ok(engine.with_min_scores(config.min_scores))
}

/// Returns a summary line.
fn detect(
    engine: &mut EmbeddedEngine,
    file: &Path,
    arguments: &DetectArgs,
    limits: &ImageLimits,
) -> Result<String, Fault> {
    let at_fault = |error: &dyn std::error::Error| format!("{}: {error}", file.display());
    let picture = Picture::decode(&read(file)?, limits).map_err(|error| at_fault(&error))?;
    let options = DetectOptions {
        min_confidence: arguments.min_confidence,
        max_faces: arguments.max_faces.map(NonZeroUsize::get),
    };
    let faces = engine.detect(&picture, &options).map_err(|error| at_fault(&error))?;
    let jpeg = vision::annotate(&picture, &faces).map_err(|error| at_fault(&error))?;
    let (found, folder) = (faces.len(), arguments.output.as_deref());
    let said = json!({
        "width": picture.original_width(),
        "height": picture.original_height(),
        "faces": faces.into_iter().map(DetectedFace::from).collect::<Vec<_>>(),
    });
    let drawn = write(file, folder, "faces.jpg", &jpeg)?;
    let data = write_json(file, folder, "faces.json", &said)?;
    Ok(format!("{}: {found} face(s), {} and {}", file.display(), drawn.display(), data.display()))
}
