//! The multipart parser: any body is a request with files within the limits or is refused, with the same result in
//! whatever pieces it arrives.

#![no_main]

use async_graphql::Request as GraphQlRequest;
use bytes::Bytes;
use faceql::graphql::ApiError;
use faceql::http::{Documents, DocumentsConfig, read_form};
use libfuzzer_sys::fuzz_target;

const MAX_FILE_BYTES: u64 = 64;
const MAX_FILES: usize = 20;
const BOUNDARY: &str = "b";

fuzz_target!(init: faceql_fuzz::plant("multipart", seeds()), |bytes: &[u8]| {
    // The first byte gives the length of the pieces.
    let Some((piece, body)) = bytes.split_first() else { return };
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let documents = Documents::new(&DocumentsConfig { persisted: 0, ..faceql_fuzz::defaults().documents });
    let whole = runtime.block_on(read(body, body.len().max(1), &documents));
    let pieces = runtime.block_on(read(body, usize::from(*piece) + 1, &documents));
    match (&whole, &pieces) {
        (Ok(whole), Ok(pieces)) => assert_eq!((&whole.query, contents(whole)), (&pieces.query, contents(pieces))),
        // If there are two errors, the pieces determine which is found first.
        (Err(_), Err(_)) => {}
        _ => panic!("the result depends on the pieces: {whole:?}, {pieces:?}"),
    }
});

async fn read(body: &[u8], piece: usize, documents: &Documents) -> Result<GraphQlRequest, ApiError> {
    let content_type = format!("multipart/form-data; boundary={BOUNDARY}");
    let request = faceql_fuzz::request(body, piece, &content_type);
    read_form(request, documents, faceql_fuzz::defaults().http.json, MAX_FILE_BYTES).await
}

/// Reads the files, which must be within the limits.
fn contents(request: &GraphQlRequest) -> Vec<&Bytes> {
    assert!(request.uploads.len() <= MAX_FILES);
    let contents: Vec<_> = request.uploads.iter().map(|upload| &upload.content).collect();
    assert!(contents.iter().all(|content| content.len() as u64 <= MAX_FILE_BYTES));
    contents
}

fn seeds() -> Vec<(String, Vec<u8>)> {
    let operations =
        r#"{"query": "mutation($a: Upload!) { x(a: $a) }", "variables": {"a": null, "b": [null]}}"#;
    let part = |name: &str, content: &str| {
        format!("--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{content}\r\n")
    };
    let end = format!("--{BOUNDARY}--\r\n");
    let head = part("operations", operations);
    let forms = [
        ("one", head.clone() + &part("map", r#"{"0": ["variables.a"]}"#) + &part("0", "GIF89a") + &end),
        (
            "two",
            head.clone()
                + &part("map", r#"{"0": ["variables.a"], "1": ["variables.b.0"]}"#)
                + &part("0", "BM")
                + &part("1", "")
                + &end,
        ),
        (
            "shared",
            head.clone()
                + &part("map", r#"{"0": ["variables.a", "variables.b.0"]}"#)
                + &part("0", "x")
                + &end,
        ),
        ("none", head.clone() + &part("map", "{}") + &end),
        ("missing", head.clone() + &part("map", r#"{"0": ["variables.a"]}"#) + &end),
        ("unknown", head.clone() + &part("map", "{}") + &part("0", "x") + &end),
        (
            "cut",
            head + &part("map", r#"{"0": ["variables.a"]}"#)
                + "--b\r\nContent-Disposition: form-data; name=0",
        ),
    ];
    forms
        .into_iter()
        .map(|(name, form)| (format!("seed-{name}"), [b"\x07", form.as_bytes()].concat()))
        .collect()
}
