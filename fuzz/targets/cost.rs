//! The measuring of documents: any text is refused or executed quickly, on the stack that a request has.

#![no_main]

use std::sync::LazyLock;
use std::thread;

use async_graphql::{Request, Variables};
use faceql::graphql::{FaceQlSchema, QueryLimits, schema_without_domains};
use faceql_fuzz::STACK_BYTES;
use futures_util::StreamExt;
use libfuzzer_sys::fuzz_target;

static LIMITS: LazyLock<QueryLimits> = LazyLock::new(|| faceql_fuzz::defaults().documents.limits);
static SCHEMA: LazyLock<FaceQlSchema> = LazyLock::new(|| schema_without_domains(*LIMITS));

fuzz_target!(init: faceql_fuzz::plant("cost", seeds()), |bytes: &[u8]| {
    // A text and, after a zero byte, its variables.
    let mut halves = bytes.splitn(2, |byte| *byte == 0);
    let Ok(text) = std::str::from_utf8(halves.next().unwrap_or_default()) else { return };
    let variables = halves.next().and_then(|json| serde_json::from_slice(json).ok());
    thread::scope(|scope| {
        let on_its_stack = thread::Builder::new().stack_size(STACK_BYTES);
        on_its_stack.spawn_scoped(scope, || measure(text, variables)).expect("a thread");
    });
});

/// Like the service, but without resolvers: only introspection is executed.
fn measure(text: &str, variables: Option<serde_json::Value>) {
    if LIMITS.check_text(text).is_err() {
        return;
    }
    let request = Request::new(text).variables(Variables::from_json(variables.unwrap_or_default()));
    let responses = SCHEMA.execute_stream(request.only_introspection());
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    runtime.block_on(responses.for_each(|_| async {}));
}

fn seeds() -> Vec<(String, Vec<u8>)> {
    let documents = [
        "{ service { version } }",
        "query A($first: Int = 10) { containers(first: $first) { nodes { id images { id } } pageInfo { endCursor } } }\0{\"first\": 3}",
        "{ node(id: \"x\") { __typename id ...on Image { status } ...P } } fragment P on Person { name faces { id } }",
        "query($yes: Boolean!) { a: service { ready @skip(if: $yes) ...S @include(if: $yes) } } fragment S on Service { version }\0{\"yes\": true}",
        "mutation($input: CreateContainerInput) { createContainer(input: $input) { container { id metadata } } }\0{\"input\": {\"metadata\": {}}}",
        "subscription { imageStatusChanged(containerId: \"x\", untilSettled: true) { id ...on Node { id } } }",
        "subscription { ...F } fragment F on Subscription { detectionFeed { cursor } }",
        "{ __schema { types { ...T fields { name args { name defaultValue } type { ...T } } } } } fragment T on __Type { kind name ofType { name } }",
        "{ __type(name: \"Query\") { name fields(includeDeprecated: true) { name type { kind ofType { ofType { name } } } } } }",
    ];
    let unfolding = ["query", "mutation", "subscription"].map(unfolding_without_end);
    let texts = documents.map(str::to_owned).into_iter().chain(unfolding);
    texts.enumerate().map(|(number, text)| (format!("seed-{number}"), text.into_bytes())).collect()
}

/// Fragments that each spread the next one twice, the last of which does not exist.
fn unfolding_without_end(operation: &str) -> String {
    (0..31).fold(format!("{operation} {{ ...f0 }}"), |text, number| {
        let next = number + 1;
        format!("{text} fragment f{number} on Query {{ ...f{next} ...f{next} }}")
    })
}
