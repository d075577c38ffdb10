//! FaceQL's main workflow in one command: uploads three photos into a container, shows their progress, and then whether
//! they show one person. Also an example client to copy from: it uses only the public API.
//!
//! `make demo` builds and runs it. With the address of a server (`faceql-demo http://127.0.0.1:8080`) it uses that one;
//! without, it uses the server on 127.0.0.1:8080 if there is one, and otherwise starts its own.

#![expect(clippy::print_stdout, reason = "a demo prints to its user")]

mod api;
mod following;
mod server;

use std::collections::HashMap;
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use sha2::{Digest, Sha256};

use api::{Api, Container};
use following::{Change, Following};
use server::Server;

/// Two photos of one person, and one of another.
const PHOTOS: [&str; 3] = ["obama.jpg", "obama2.jpg", "biden.jpg"];
/// Where `make prepare` installs them.
const PHOTO_FOLDER: &str = ".faceql/photos";
/// How many of an encoding's numbers are printed.
const SHOWN_NUMBERS: usize = 5;

/// What went wrong, in a sentence that says what to do.
type Error = Box<dyn std::error::Error + Send + Sync>;

#[tokio::main]
async fn main() -> ExitCode {
    // If it is dropped before its end, the demo stops its server and removes its data.
    let done = tokio::select! {
        done = demonstrate() => done,
        _ = tokio::signal::ctrl_c() => Err("interrupted".into()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("\nThe demo stopped: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn demonstrate() -> Result<(), Error> {
    let photos = photos()?;
    let server = Server::find_or_start(std::env::args().nth(1)).await?;
    println!("Server     {} ({})", server.api.url(), server.origin());

    let container = server.api.create_container().await?;
    println!("Container  {container}\n");

    // Subscribe first, so that the first photo's PROCESSING is seen as it happens.
    let following = Following::start(&server.api, &container, photos.len()).await?;
    let names: HashMap<&str, &str> = photos.iter().map(|photo| (photo.sha256.as_str(), photo.name)).collect();
    println!("{:>8}  {:<11} {:<11} {:>8} {:>8}", "elapsed", "photo", "status", "attempts", "revision");
    tokio::try_join!(upload(&server.api, &container, &photos), tell(following, &names))?;

    let container = server.api.container(&container).await?;
    tell_encodings(&container, &names);
    tell_comparison(&container, &names);
    Ok(())
}

/// A photo to upload.
struct Photo {
    name: &'static str,
    bytes: Vec<u8>,
    /// Identifies the photo in the responses.
    sha256: String,
}

fn photos() -> Result<Vec<Photo>, Error> {
    PHOTOS.into_iter().map(read_photo).collect()
}

fn read_photo(name: &'static str) -> Result<Photo, Error> {
    let path = Path::new(PHOTO_FOLDER).join(name);
    let bytes = std::fs::read(&path).map_err(|error| {
        format!(
            "{} cannot be read ({error}); run `make prepare`, then start the demo in the project's folder",
            path.display()
        )
    })?;
    let sha256 = hex::encode(Sha256::digest(&bytes));
    Ok(Photo { name, bytes, sha256 })
}

async fn upload(api: &Api, container: &str, photos: &[Photo]) -> Result<(), Error> {
    for photo in photos {
        api.upload_image(container, photo.name, photo.bytes.clone()).await?;
    }
    Ok(())
}

/// Prints each change as it arrives, until all images are settled.
async fn tell(mut following: Following, names: &HashMap<&str, &str>) -> Result<(), Error> {
    let start = Instant::now();
    while let Some(Change { sha256, status, attempts, revision, error }) = following.next().await? {
        let elapsed_ms = start.elapsed().as_millis();
        let name = name(names, &sha256);
        println!("{elapsed_ms:>5} ms  {name:<11} {status:<11} {attempts:>8} {revision:>8}");
        if let Some(error) = error {
            println!("{:>8}  {}: {}", "", error.code, error.message);
        }
    }
    Ok(())
}

fn tell_encodings(container: &Container, names: &HashMap<&str, &str>) {
    println!("\nThe first {SHOWN_NUMBERS} numbers of each encoding");
    for image in &container.images {
        for encoding in &image.encodings {
            let (name, dimensions) = (name(names, &image.sha256), encoding.vector.len());
            let shown = encoding.vector.iter().take(SHOWN_NUMBERS);
            let numbers: Vec<String> = shown.map(|number| format!("{number:>7.4}")).collect();
            println!("{name:<11} {} …  ({dimensions} in total)", numbers.join(" "));
        }
    }
}

fn tell_comparison(container: &Container, names: &HashMap<&str, &str>) {
    let Some(comparison) = &container.comparison else {
        println!("\nNothing to compare: this needs two faces, and a model with known thresholds.");
        return;
    };
    let owners = owners(container, names);
    let photo = |encoding: &str| owners.get(encoding).copied().unwrap_or("?");
    println!("\n{:<11}   {:<11} {:>8} {:>10}  decision", "photo", "photo", "distance", "similarity");
    for pair in &comparison.pairs {
        let (a, b) = (photo(&pair.a.id), photo(&pair.b.id));
        println!("{a:<11} ~ {b:<11} {:>8.3} {:>10.2}  {}", pair.distance, pair.similarity, pair.decision);
    }
    let verdict =
        if comparison.same_person { "belong to one person" } else { "do not all belong to one person" };
    println!("\nThe faces {verdict}.");
}

/// The photo of each encoding, by the encoding's id.
fn owners<'a>(container: &'a Container, names: &HashMap<&str, &'a str>) -> HashMap<&'a str, &'a str> {
    let of_image = |image: &'a api::Image| {
        let name = name(names, &image.sha256);
        image.encodings.iter().map(move |encoding| (encoding.id.as_str(), name))
    };
    container.images.iter().flat_map(of_image).collect()
}

fn name<'a>(names: &HashMap<&str, &'a str>, sha256: &str) -> &'a str {
    names.get(sha256).copied().unwrap_or("?")
}
