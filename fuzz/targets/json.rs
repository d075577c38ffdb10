//! JSON bodies: any bytes are a request within the limits or are refused, on the stack that a request has, in whatever
//! pieces they arrive; and numbers that parsing would change are detected everywhere.

#![no_main]

use std::sync::LazyLock;
use std::thread;

use async_graphql::{Request, Value, Variables};
use faceql::graphql::ApiError;
use faceql::http::{Documents, DocumentsConfig, JsonLimits, Parameters, read_json};
use faceql_fuzz::STACK_BYTES;
use libfuzzer_sys::fuzz_target;

/// Small, so that the fuzzer reaches them.
const LIMITS: JsonLimits = JsonLimits { request_bytes: 16 << 10, bytes: 4 << 10, values: 200 };

static DOCUMENTS: LazyLock<Documents> =
    LazyLock::new(|| Documents::new(&DocumentsConfig { persisted: 0, ..faceql_fuzz::defaults().documents }));

fuzz_target!(init: faceql_fuzz::plant("json", seeds()), |bytes: &[u8]| {
    thread::scope(|scope| {
        let on_its_stack = thread::Builder::new().stack_size(STACK_BYTES);
        on_its_stack.spawn_scoped(scope, || read(bytes)).expect("a thread");
    });
});

fn read(bytes: &[u8]) {
    // The first byte gives the length of the pieces.
    let Some((piece, body)) = bytes.split_first() else { return };
    match (requests(body, body.len().max(1)), requests(body, usize::from(*piece) + 1)) {
        (Ok(whole), Ok(pieces)) => {
            assert_eq!(written(&whole), written(&pieces));
            let variables = whole.iter().flat_map(|request| request.variables.values());
            let values: usize = variables.map(values_in).sum();
            assert!(values <= 2 * LIMITS.values + 1, "{values} values");
        }
        (Err(_), Err(_)) => {}
        (whole, pieces) => panic!("the result depends on the pieces: {whole:?}, {pieces:?}"),
    }
}

fn requests(body: &[u8], piece: usize) -> Result<Vec<Request>, ApiError> {
    let request = faceql_fuzz::request(body, piece, "application/json");
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    Ok(match runtime.block_on(read_json(request, &DOCUMENTS, LIMITS, 3))? {
        Parameters::One(request) => vec![*request],
        Parameters::Batch(requests) => requests,
    })
}

fn written(requests: &[Request]) -> Vec<(&str, &Variables)> {
    requests.iter().map(|request| (&*request.query, &request.variables)).collect()
}

fn values_in(value: &Value) -> usize {
    match value {
        Value::List(items) => 1 + items.iter().map(values_in).sum::<usize>(),
        Value::Object(fields) => 1 + fields.values().map(values_in).sum::<usize>(),
        _ => 1,
    }
}

fn seeds() -> Vec<(String, Vec<u8>)> {
    let query = r#""query": "query($a: JSON, $b: Int) { node(id: $a, b: $b) { id } }""#;
    let deep = format!("{}1{}", "[".repeat(90), "]".repeat(90));
    let bodies = [
        format!(r#"{{{query}}}"#),
        format!(
            r#"{{{query}, "variables": {{"a": {{"b": [1, 2.5e3, true, null, "\u00e9\""]}}, "b": 7, "c": []}}}}"#
        ),
        format!(r#"{{{query}, "variables": {{"a": {deep}}}}}"#),
        format!(r#"{{{query}, "variables": {{"a": 18446744073709551617, "b": 1e400}}}}"#),
        format!(r#"{{{query}, "variables": {{"a": "{}"}}}}"#, "A".repeat(5000)),
        format!(r#"{{{query}, "variables": {{"a": {{"$serde_json::private::RawValue": "[[1]]"}}}}}}"#),
        format!(
            r#"{{"operationName": "Q", "extensions": {{"persistedQuery": {{"sha256Hash": "0"}}}}, {query}}}"#
        ),
        r#"{"query": "mutation { createContainer(input: {metadata: [1e400, 0.1]}) { container { id } } }"}"#
            .to_owned(),
        r#"[{"query": "{ a }"}]"#.to_owned(),
    ];
    let seeds = bodies.iter().enumerate();
    seeds.map(|(number, body)| (format!("seed-{number}"), [b"\x07", body.as_bytes()].concat())).collect()
}
