//! A model pack: a folder with `pack.toml` and the files it names. Loading verifies that every file exists and has the
//! digest in the manifest, so that a vector's model is always known.

mod manifest;

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use sha2::{Digest, Sha256};

use self::manifest::{About, EncoderSettings, FileEntry, Manifest};
pub(crate) use self::manifest::{MtcnnSettings, QualityScale};
use crate::align::Template;
use crate::card::{ModelCard, ModelRole};
use crate::embedding::ModelDigest;

/// A pack whose files have been verified. [`crate::EmbeddedEngine::load`] runs it.
#[derive(Debug, Clone)]
pub struct Pack {
    name: String,
    version: String,
    pub(crate) detector: DetectorPart,
    pub(crate) encoder: EncoderPart,
    pub(crate) quality: QualityScale,
}

impl Pack {
    /// Reads the manifest of a folder, then every file it names to verify its SHA-256.
    pub fn load(folder: &Path) -> Result<Self, PackError> {
        let path = folder.join("pack.toml");
        let text = std::fs::read_to_string(&path).map_err(|error| PackError::reading(&path, &error))?;
        let manifest: Manifest = parsed(&path, toml::from_str(&text))?;
        Ok(Self {
            detector: DetectorPart::load(folder, manifest.detector, &path)?,
            encoder: EncoderPart::load(folder, manifest.encoder, &path)?,
            name: manifest.name,
            version: manifest.version,
            quality: manifest.quality,
        })
    }

    /// The pack's name, such as `standard`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The pack's version.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The detection model.
    #[must_use]
    pub fn detector(&self) -> &ModelCard {
        &self.detector.card
    }

    /// The encoding model.
    #[must_use]
    pub fn encoder(&self) -> &ModelCard {
        &self.encoder.card
    }
}

/// MTCNN: three networks, one after the other.
#[derive(Debug, Clone)]
pub(crate) struct DetectorPart {
    pub(crate) card: ModelCard,
    pub(crate) settings: MtcnnSettings,
    pub(crate) pnet: PathBuf,
    pub(crate) rnet: PathBuf,
    pub(crate) onet: PathBuf,
}

impl DetectorPart {
    fn load(folder: &Path, section: toml::Table, manifest: &Path) -> Result<Self, PackError> {
        expect_kind(manifest, "detector", &section, "mtcnn")?;
        let about: About = parsed(manifest, section.clone().try_into())?;
        let settings: MtcnnSettings = parsed(manifest, section.clone().try_into())?;
        expect_sense(manifest, settings.complaint())?;
        let files = Files { folder, manifest, entries: &about.files };
        Ok(Self {
            pnet: files.verified("pnet")?,
            rnet: files.verified("rnet")?,
            onet: files.verified("onet")?,
            card: ModelCard {
                name: about.name,
                version: about.version,
                role: ModelRole::Detector,
                digest: digest(section),
                dimensions: None,
                metric: None,
                matching: None,
                license: about.license,
                training_data: about.training_data,
            },
            settings,
        })
    }
}

/// One network: chips in, embeddings out.
#[derive(Debug, Clone)]
pub(crate) struct EncoderPart {
    pub(crate) card: ModelCard,
    pub(crate) template: Template,
    pub(crate) dimensions: usize,
    pub(crate) output: String,
    pub(crate) file: PathBuf,
}

impl EncoderPart {
    fn load(folder: &Path, section: toml::Table, manifest: &Path) -> Result<Self, PackError> {
        expect_kind(manifest, "encoder", &section, "embedding")?;
        let about: About = parsed(manifest, section.clone().try_into())?;
        let settings: EncoderSettings = parsed(manifest, section.clone().try_into())?;
        expect_sense(manifest, settings.complaint())?;
        Ok(Self {
            file: Files { folder, manifest, entries: &about.files }.verified("encoder")?,
            template: settings.template(),
            dimensions: settings.dimensions as usize,
            card: ModelCard {
                name: about.name,
                version: about.version,
                role: ModelRole::Encoder,
                digest: digest(section),
                dimensions: Some(settings.dimensions),
                metric: Some(settings.metric),
                matching: Some(settings.matching()),
                license: about.license,
                training_data: about.training_data,
            },
            output: settings.output,
        })
    }
}

/// The files of a section.
struct Files<'pack> {
    folder: &'pack Path,
    manifest: &'pack Path,
    entries: &'pack [FileEntry],
}

impl Files<'_> {
    /// The path of the file with this role, after verifying its digest against the manifest.
    fn verified(&self, role: &str) -> Result<PathBuf, PackError> {
        let entry =
            self.entries.iter().find(|entry| entry.role == role).ok_or_else(|| PackError::Manifest {
                path: self.manifest.to_owned(),
                reason: format!("it has no file for the role `{role}`"),
            })?;
        let path = self.folder.join(&entry.path);
        let mut hash = Sha256::new();
        let mut file = File::open(&path).map_err(|error| PackError::reading(&path, &error))?;
        io::copy(&mut file, &mut hash).map_err(|error| PackError::reading(&path, &error))?;
        let found = hex::encode(hash.finalize());
        if found != entry.sha256 {
            return Err(PackError::AlteredFile { path, expected: entry.sha256.clone(), found });
        }
        Ok(path)
    }
}

/// SHA-256 over what determines a model's output: the digests of its files and the preprocessing of pixels. Names and
/// thresholds are left out.
fn digest(mut section: toml::Table) -> ModelDigest {
    for label in ["name", "version", "license", "training_data", "verify", "search", "similarity"] {
        section.remove(label);
    }
    let mut hash = Sha256::new();
    feed(&mut hash, "", &toml::Value::Table(section));
    ModelDigest::from_bytes(hash.finalize().into())
}

// One line per value, `path=value`, in the order of the paths. Written explicitly instead of by a serializer, because a
// change of its format would separate every stored vector from its model.
fn feed(hash: &mut Sha256, path: &str, value: &toml::Value) {
    match value {
        toml::Value::Table(table) => {
            for (key, value) in table {
                feed(hash, &format!("{path}.{key}"), value);
            }
        }
        toml::Value::Array(items) => {
            for (index, value) in items.iter().enumerate() {
                feed(hash, &format!("{path}.{index}"), value);
            }
        }
        toml::Value::String(text) => hash.update(format!("{path}={text}\n")),
        toml::Value::Integer(number) => hash.update(format!("{path}={number}\n")),
        toml::Value::Float(number) => hash.update(format!("{path}={number}\n")),
        toml::Value::Boolean(truth) => hash.update(format!("{path}={truth}\n")),
        toml::Value::Datetime(time) => hash.update(format!("{path}={time}\n")),
    }
}

fn parsed<T>(manifest: &Path, outcome: Result<T, toml::de::Error>) -> Result<T, PackError> {
    outcome.map_err(|error| PackError::Manifest { path: manifest.to_owned(), reason: error.to_string() })
}

fn expect_kind(
    manifest: &Path,
    section: &'static str,
    table: &toml::Table,
    known: &'static str,
) -> Result<(), PackError> {
    #[derive(Deserialize)]
    struct Kind {
        kind: String,
    }
    let Kind { kind } = parsed(manifest, table.clone().try_into())?;
    if kind == known {
        Ok(())
    } else {
        Err(PackError::UnknownKind { path: manifest.to_owned(), section, kind, known })
    }
}

fn expect_sense(manifest: &Path, complaint: Option<&str>) -> Result<(), PackError> {
    complaint.map_or(Ok(()), |reason| {
        Err(PackError::Manifest { path: manifest.to_owned(), reason: reason.to_owned() })
    })
}

/// Why a pack cannot be used. Every message names the file and how to fix the problem.
#[derive(Debug, thiserror::Error)]
pub enum PackError {
    /// A file that belongs to the pack is missing.
    #[error("{path} is missing; run `make prepare`, or set FACEQL_HOME or FACEQL_MODEL_PACK to its path")]
    MissingFile {
        /// The file's path.
        path: PathBuf,
    },
    /// A file cannot be read.
    #[error("{path} cannot be read: {reason}")]
    UnreadableFile {
        /// The file's path.
        path: PathBuf,
        /// The system's message.
        reason: String,
    },
    /// A file does not have the digest in the manifest.
    #[error("{path} was changed: its SHA-256 is {found}, not {expected}; remove it and run `make prepare`")]
    AlteredFile {
        /// The file's path.
        path: PathBuf,
        /// SHA-256 in the manifest, in hex.
        expected: String,
        /// SHA-256 of the file, in hex.
        found: String,
    },
    /// The manifest is invalid.
    #[error("{path} is not a valid pack manifest: {reason}")]
    Manifest {
        /// The manifest's path.
        path: PathBuf,
        /// What is wrong, with the line if it is known.
        reason: String,
    },
    /// The manifest describes a kind of model that this version cannot run.
    #[error("{path} has a {section} of kind `{kind}`; this version supports only `{known}`")]
    UnknownKind {
        /// The manifest's path.
        path: PathBuf,
        /// `detector` or `encoder`.
        section: &'static str,
        /// The requested kind.
        kind: String,
        /// The supported kind.
        known: &'static str,
    },
}

impl PackError {
    fn reading(path: &Path, error: &io::Error) -> Self {
        let path = path.to_owned();
        match error.kind() {
            io::ErrorKind::NotFound => Self::MissingFile { path },
            _ => Self::UnreadableFile { path, reason: error.to_string() },
        }
    }
}

#[cfg(test)]
mod tests {
    /// The parser accepts 80 levels.
    #[test]
    fn a_manifest_nested_ten_times_too_deep_is_refused_on_the_stack_of_a_worker() {
        let nested = |open: &str, close: &str| format!("a = {}1{}", open.repeat(800), close.repeat(800));
        let dotted = format!("{}a = 1", "a.".repeat(800));
        for manifest in [
            nested("[", "]"),
            nested("{a = ", "}"),
            dotted.clone(),
            format!("[{}]", dotted.replace(" = 1", "")),
        ] {
            let worker = std::thread::Builder::new().stack_size(2 << 20);
            let read = move || toml::from_str::<toml::Table>(&manifest).map_err(|error| error.to_string());
            let refused = worker.spawn(read).unwrap().join().unwrap().unwrap_err();
            assert!(["recurs", "limit"].iter().any(|word| refused.contains(word)), "{refused}");
        }
    }
}
