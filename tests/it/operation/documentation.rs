//! The documentation's commands run, and its GraphQL documents are valid, as they stand there.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::json;
use tempfile::TempDir;

use crate::support::binary::Binary;
use crate::support::pictures::home;
use crate::support::server::soon;
use crate::support::{Client, photo};

/// Runs before each block of commands. `make` and the tools that draw the pictures are checked elsewhere; a server is
/// started and stopped; everything else is the real thing.
const PRELUDE: &str = include_str!("documentation.sh");

const KEY: &str = "0123456789abcdef";

/// A block of code in a page.
struct Block {
    language: String,
    text: String,
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The pages with instructions, in an order in which each can be followed after the one before.
fn pages() -> Vec<PathBuf> {
    let mut pages = vec![
        root().join("README.md"),
        root().join("CONTRIBUTING.md"),
        root().join("docs/pictures/README.md"),
    ];
    for folder in ["docs/tutorials", "docs/how-to", "docs/reference", "docs/explanation"] {
        let files = fs::read_dir(root().join(folder)).unwrap().map(|entry| entry.unwrap().path());
        let mut files: Vec<PathBuf> =
            files.filter(|file| file.extension().is_some_and(|end| end == "md")).collect();
        files.sort();
        pages.extend(files);
    }
    pages
}

fn blocks(page: &Path) -> Vec<Block> {
    let text = fs::read_to_string(page).unwrap();
    let mut blocks = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if let Some(language) = line.trim_start().strip_prefix("```") {
            let code: Vec<&str> = lines.by_ref().take_while(|line| line.trim_start() != "```").collect();
            blocks.push(Block { language: language.to_owned(), text: code.join("\n") });
        }
    }
    blocks
}

/// A folder like a clone after `make run`: with the set-up's files, the documentation's pictures and people to enroll.
fn clone() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let at = |path: &str| folder.path().join(path);
    fs::create_dir_all(at(".faceql")).unwrap();
    for part in ["lib", "packs", "photos"] {
        std::os::unix::fs::symlink(home().join(part), at(".faceql").join(part)).unwrap();
    }
    fs::create_dir_all(at("docs/pictures/draw")).unwrap();
    for file in fs::read_dir(root().join("docs/pictures")).unwrap().map(Result::unwrap) {
        if file.file_type().unwrap().is_file() {
            fs::copy(file.path(), at("docs/pictures").join(file.file_name())).unwrap();
        }
    }
    fs::copy(root().join("Makefile"), at("Makefile")).unwrap();
    fs::create_dir_all(at("people/barack")).unwrap();
    fs::write(at("people/barack/1.jpg"), photo("obama.jpg")).unwrap();
    folder
}

/// Runs a block as its reader would, with the server's address and ids in place of those that are written there.
fn run(page: &Path, block: &str, folder: &Path, client: &Client, container: &str) {
    let script = block
        .replace("127.0.0.1:8080", &client.address.to_string())
        .replace("container_01m7z5p8wee1z8r71y68b2b41g", container)
        .replace("fql_…", KEY)
        .replace("2027-01-31", "2127-01-31");
    let binary = Path::new(env!("CARGO_BIN_EXE_faceql"));
    let run = Command::new("bash")
        .args(["-c", &format!("{PRELUDE}\n{script}")])
        .current_dir(folder)
        .env("BINARIES", binary.parent().unwrap())
        .env("FACEQL_ENGINE_THREADS", "1")
        .output()
        .unwrap();
    let (out, err) = (String::from_utf8_lossy(&run.stdout), String::from_utf8_lossy(&run.stderr));
    assert!(run.status.success(), "{}: {}\n{script}\n{out}\n{err}", page.display(), run.status);
}

#[tokio::test]
async fn every_command_and_document_of_the_documentation_works_as_it_stands_there() {
    let (served, folder) = (tempfile::tempdir().unwrap(), clone());
    let keys = format!("default:{KEY}:read+write+admin");
    let open = Binary::serve(served.path(), &[]).await;
    let kept = tempfile::tempdir().unwrap();
    let with_key = Binary::serve(kept.path(), &[("FACEQL_API_KEY", &keys)]).await;
    let container = open.client.create_container().await;
    open.client.upload(&container, photo("obama.jpg")).await;
    for page in pages() {
        for Block { language, text } in blocks(&page) {
            match language.as_str() {
                "sh" => {
                    let client = if text.contains("fql_…") { &with_key.client } else { &open.client };
                    run(&page, &text, folder.path(), client, &container);
                }
                "graphql" => check(&page, &text, &open.client, &container).await,
                _ => {}
            }
        }
    }
}

/// Sends a document and takes the first response. Its variables, where it has any, are an id.
async fn check(page: &Path, document: &str, client: &Client, id: &str) {
    let request = client.post().header("Accept", "text/event-stream, application/json;q=0.5");
    let request = request.json(&json!({ "query": document, "variables": { "id": id } }));
    let mut response = request.send().await.unwrap();
    let first = soon(response.chunk()).await.unwrap().unwrap_or_default();
    let first = String::from_utf8_lossy(&first);
    let is_valid =
        !["GRAPHQL_PARSE_FAILED", "GRAPHQL_VALIDATION_FAILED"].iter().any(|code| first.contains(code));
    assert!(is_valid && first.contains("\"data\""), "{}: {document}\n{first}", page.display());
}
