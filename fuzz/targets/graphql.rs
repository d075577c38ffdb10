//! Documents, especially deeply nested ones: any text is refused or executed quickly, on the stack that a request has,
//! as in the service.

#![no_main]

use std::fmt::Write as _;
use std::sync::LazyLock;
use std::thread;

use faceql::graphql::{DocumentCache, FaceQlSchema, QueryLimits, schema_without_domains};
use faceql::http::{Documents, DocumentsConfig, JsonLimits, Parameters, read_json};
use faceql_fuzz::STACK_BYTES;
use futures_util::StreamExt;
use libfuzzer_sys::fuzz_target;
use serde_json::json;

static LIMITS: LazyLock<QueryLimits> = LazyLock::new(|| faceql_fuzz::defaults().documents.limits);
static DOCUMENTS: LazyLock<Documents> =
    LazyLock::new(|| Documents::new(&DocumentsConfig { persisted: 0, ..faceql_fuzz::defaults().documents }));
static JSON: LazyLock<JsonLimits> = LazyLock::new(|| faceql_fuzz::defaults().http.json);
static SCHEMA: LazyLock<FaceQlSchema> = LazyLock::new(|| schema_without_domains(*LIMITS));

fuzz_target!(init: faceql_fuzz::plant("graphql", seeds()), |bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let text = unfolded(text);
    thread::scope(|scope| {
        let on_its_stack = thread::Builder::new().stack_size(STACK_BYTES);
        on_its_stack.spawn_scoped(scope, || answer(&text)).expect("a thread");
    });
});

/// Repeats the text between two marks, so that a few bytes make a deeply nested text: it is enclosed in `<` and `>`,
/// each followed by a character that gives the number of repetitions.
fn unfolded(text: &str) -> String {
    let mut unfolded = String::new();
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once('<') {
        unfolded.push_str(before);
        let Some((repeated, after)) = behind.split_once('>') else { break };
        let mut after = after.chars();
        let times = after.next().map_or(1, |times| 1 + (times as usize % 64) * 8);
        // At most a few times the limit for documents.
        if unfolded.len() + repeated.len() * times < 1 << 18 {
            unfolded.push_str(&repeated.repeat(times));
        }
        rest = after.as_str();
    }
    let _ = write!(unfolded, "{rest}");
    unfolded
}

/// Like the service, but without resolvers: only introspection is executed.
fn answer(text: &str) {
    let body = json!({ "query": text, "variables": { "a": [[1]], "b": { "c": 0.5 } } }).to_string();
    let request = faceql_fuzz::request(body.as_bytes(), body.len(), "application/json");
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    runtime.block_on(async {
        let Ok(Parameters::One(mut request)) = read_json(request, &DOCUMENTS, *JSON, 0).await else { return };
        DocumentCache::default().parse(&mut request, Ok).expect("parsing is free here");
        SCHEMA.execute_stream(request.only_introspection()).for_each(|_| async {}).await;
    });
}

fn seeds() -> Vec<(String, Vec<u8>)> {
    let documents = [
        "{ __type(name: <[>H1<]>H) { name } }",
        "query($a: <[>!Int<]>!) { __typename }",
        "query($b: JSON = <{c: >H1<}>H) { __typename }",
        "{ __typename @skip(if: <[{d:>H$a<}]>H) }",
        "{ <... on Query {>F__typename<}>F }",
        "{ __schema { types <{ fields { type>! { name } <}}>! } }",
        "{ __schema <{ a: __typename b> ",
        "mutation { createContainer(input: {metadata: <[{a: 1e3, b: >! 18446744073709551617 <}]>!}) { container { id } } }",
        "query Q($a: [[Int]] = [[0.30000000000000001]]) { ...F } fragment F on Query { node(id: $a) { id } }",
        "{ a(b: \"<\\\\\"> \" c: \"\"\"<[> \"\"\") # <[> \n }",
    ];
    documents
        .iter()
        .enumerate()
        .map(|(number, text)| (format!("seed-{number}"), text.as_bytes().to_vec()))
        .collect()
}
