//! What the fuzz targets share: where they begin.

use std::fs;
use std::path::Path;

use faceql::config::{Config, Settings};

/// Writes the inputs from which `target` starts into its corpus.
pub fn plant(target: &str, seeds: impl IntoIterator<Item = (String, Vec<u8>)>) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target);
    fs::create_dir_all(&folder).expect("a folder for the corpus");
    for (name, seed) in seeds {
        fs::write(folder.join(name), seed).expect("a seed in the corpus");
    }
}

/// The settings that nobody changed.
#[must_use]
pub fn defaults() -> Config {
    Config::read(Settings::from_values::<&str, &str>([])).expect("the defaults are valid")
}
