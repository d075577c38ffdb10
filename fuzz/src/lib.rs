//! Shared by the fuzz targets: their initial inputs and settings.

use std::fs;
use std::path::Path;

use axum::body::Body;
use axum::extract::Request;
use axum::http::header::CONTENT_TYPE;
use bytes::Bytes;
use faceql::config::Config;
use faceql::settings::Settings;
use futures_util::stream;

/// The stack size of tokio's threads.
pub const STACK_BYTES: usize = 2 << 20;

/// Writes the initial inputs of `target` into its corpus.
pub fn plant(target: &str, seeds: impl IntoIterator<Item = (String, Vec<u8>)>) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target);
    fs::create_dir_all(&folder).expect("a folder for the corpus");
    for (name, seed) in seeds {
        fs::write(folder.join(name), seed).expect("a seed in the corpus");
    }
}

/// The default settings.
#[must_use]
pub fn defaults() -> Config {
    Config::read(Settings::from_values::<&str, &str>([])).expect("the defaults are valid")
}

/// A request whose body arrives in pieces of that many bytes.
#[must_use]
pub fn request(body: &[u8], piece: usize, content_type: &str) -> Request {
    let pieces: Vec<_> =
        body.chunks(piece).map(|piece| Ok::<_, std::io::Error>(Bytes::copy_from_slice(piece))).collect();
    let request = Request::post("/graphql").header(CONTENT_TYPE, content_type);
    request.body(Body::from_stream(stream::iter(pieces))).expect("a request")
}
