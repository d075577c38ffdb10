//! Documents and the exact text of their responses, on a schema whose fields fail or are slow on demand.

mod sample;

use std::fmt::Write as _;

use async_graphql::{PathSegment, Request, Response, Schema, Variables};
use futures_util::StreamExt;
use serde_json::json;

use crate::graphql::QueryLimits;
use crate::graphql::execution::request_pipeline::RequestPipeline;
use sample::{Follow, Mutation, Query};

/// Limits that no document here exceeds.
pub(in crate::graphql) const LIMITS: QueryLimits = QueryLimits {
    bytes: 1000,
    tokens: 1000,
    nesting: 100,
    depth: 100,
    fields: 1000,
    aliases: 100,
    directives: 100,
    root_fields: 100,
    cost: 1000,
    response_bytes: 1 << 20,
};

/// All responses to `request`: the serialized data of each, and the paths of its errors.
async fn responses(request: impl Into<Request>) -> Vec<String> {
    let treatment = RequestPipeline::without_rates(LIMITS);
    let schema = Schema::build(Query::default(), Mutation::default(), Follow).extension(treatment).finish();
    schema.execute_stream(request).map(|response| written(&response)).collect().await
}

fn written(response: &Response) -> String {
    let mut written = serde_json::to_string(&response.data).unwrap();
    for error in &response.errors {
        let segment = |segment: &PathSegment| match segment {
            PathSegment::Field(name) => name.clone(),
            PathSegment::Index(index) => index.to_string(),
        };
        let place: Vec<String> = error.path.iter().map(segment).collect();
        let message = if error.message == "failed" { "" } else { &error.message };
        write!(written, " !{}{message}", place.join(".")).unwrap();
    }
    written
}

async fn assert_answers(cases: &[(&str, &str)]) {
    for (document, expected) in cases {
        assert_eq!(responses(*document).await, [*expected], "{document}");
    }
}

#[tokio::test]
async fn field_that_fails_and_may_be_null_is_null() {
    assert_answers(&[
        ("{ mayFail }", r#"{"mayFail":null} !mayFail"#),
        ("{ thing { mayFail } }", r#"{"thing":{"mayFail":null}} !thing.mayFail"#),
        ("{ thing { mayFail number } }", r#"{"thing":{"mayFail":null,"number":0}} !thing.mayFail"#),
        ("{ thing { a: mayFail inner { mayFail } } }",
         r#"{"thing":{"a":null,"inner":{"mayFail":null}}} !thing.inner.mayFail !thing.a"#),
        ("{ maybeThing { mayFail } nothing { mayFail } }",
         r#"{"maybeThing":{"mayFail":null},"nothing":null} !maybeThing.mayFail"#),
        ("{ thing { list { mayFail } } }",
         r#"{"thing":{"list":[{"mayFail":null},{"mayFail":null},{"mayFail":null}]}} !thing.list.0.mayFail !thing.list.1.mayFail !thing.list.2.mayFail"#),
    ])
    .await;
}

#[tokio::test]
async fn field_that_fails_and_must_not_be_null_takes_what_is_around_it_with_it() {
    assert_answers(&[
        ("{ fails }", "null !fails"),
        ("{ mayFail fails }", "null !mayFail !fails"),
        ("{ thing { fails } }", "null !thing.fails"),
        ("{ thing { number inner { fails number } } }", "null !thing.inner.fails"),
        ("{ maybeThing { number fails } thing { number } }",
         r#"{"maybeThing":null,"thing":{"number":0}} !maybeThing.fails"#),
        ("{ maybeThing { inner { inner { fails } } } }", r#"{"maybeThing":null} !maybeThing.inner.inner.fails"#),
        ("{ thing { number maybeInner { maybeInner { number fails } number } } }",
         r#"{"thing":{"number":0,"maybeInner":{"maybeInner":null,"number":0}}} !thing.maybeInner.maybeInner.fails"#),
    ])
    .await;
}

#[tokio::test]
async fn item_that_fails_is_null_or_takes_its_list_with_it() {
    assert_answers(&[
        ("{ thing { list { oneFails } } }", "null !thing.list.1.oneFails"),
        ("{ maybeThing { list { oneFails } } }", r#"{"maybeThing":null} !maybeThing.list.1.oneFails"#),
        ("{ thing { maybeList { number oneFails } } }",
         r#"{"thing":{"maybeList":null}} !thing.maybeList.1.oneFails"#),
        ("{ thing { listOfMaybe { oneFails } words } }",
         r#"{"thing":{"listOfMaybe":[{"oneFails":0},null,{"oneFails":2}],"words":["a","b"]}} !thing.listOfMaybe.1.oneFails"#),
    ])
    .await;
}

#[tokio::test]
async fn keys_come_in_the_order_of_the_document() {
    assert_answers(&[
        ("{ slowThing { number } thing { number } }", r#"{"slowThing":{"number":0},"thing":{"number":0}}"#),
        ("{ thing { slow number __typename } }", r#"{"thing":{"slow":0,"number":0,"__typename":"Thing"}}"#),
        ("{ thing { c: slow b: number a: slow } }", r#"{"thing":{"c":0,"b":0,"a":0}}"#),
        ("{ thing { maybeList { slow number } } }",
         r#"{"thing":{"maybeList":[{"slow":0,"number":0},{"slow":1,"number":1},{"slow":2,"number":2}]}}"#),
        // Fields that are selected again are merged into their first position.
        ("{ slowThing { slow } thing { number } slowThing { number slow inner { slow } } thing { slow } }",
         r#"{"slowThing":{"slow":0,"number":0,"inner":{"slow":0}},"thing":{"number":0,"slow":0}}"#),
        ("{ thing { maybeInner { slow } maybeInner { number } number } }",
         r#"{"thing":{"maybeInner":{"slow":0,"number":0},"number":0}}"#),
        ("{ ...A thing { number } } fragment A on Query { slowThing { ...B number } thing { ...B } }
          fragment B on Thing { slow ...C } fragment C on Thing { words number }",
         r#"{"slowThing":{"slow":0,"words":["a","b"],"number":0},"thing":{"slow":0,"words":["a","b"],"number":0}}"#),
        ("{ ... { slowThing { number } } ... on Query { thing { ... on Thing { slow } ... { number } } } }",
         r#"{"slowThing":{"number":0},"thing":{"slow":0,"number":0}}"#),
        ("{ slowThing { number } __schema { queryType { name } } }",
         r#"{"slowThing":{"number":0},"__schema":{"queryType":{"name":"Query"}}}"#),
    ])
    .await;
}

#[tokio::test]
async fn what_is_skipped_is_absent_and_the_object_around_it_is_not() {
    assert_answers(&[
        ("{ thing { slow @skip(if: true) number } }", r#"{"thing":{"number":0}}"#),
        ("{ thing { slow @include(if: true) number @skip(if: false) } }", r#"{"thing":{"slow":0,"number":0}}"#),
        ("{ thing { mayFail @skip(if: true) fails @include(if: false) number } mayFail }",
         r#"{"thing":{"number":0},"mayFail":null} !mayFail"#),
        ("{ thing { number @skip(if: true) } }", r#"{"thing":{}}"#),
        ("{ maybeThing { ...A @skip(if: true) } nothing { ...A @skip(if: true) } } fragment A on Thing { number }",
         r#"{"maybeThing":{},"nothing":null}"#),
        ("{ thing { ... @include(if: false) { number } maybeList { ... { slow @skip(if: true) } } } }",
         r#"{"thing":{"maybeList":[{},{},{}]}}"#),
        ("{ thing @skip(if: true) { number } }", "{}"),
    ])
    .await;
    let document = "query($yes: Boolean!, $no: Boolean = false) {
        thing { slow @include(if: $yes) number @include(if: $no) mayFail @skip(if: $yes) words @skip(if: $no) }
    }";
    let request = Request::new(document).variables(Variables::from_json(json!({ "yes": true })));
    assert_eq!(responses(request).await, [r#"{"thing":{"slow":0,"words":["a","b"]}}"#]);
}

#[tokio::test]
async fn fragments_apply_to_an_object_of_an_interface_by_its_own_type() {
    const SLOW_FIRST: &str = "...on Stone { number weight } ...on Thing { words slow number } number";
    assert_answers(&[
        ("{ any { number } }", r#"{"any":{"number":0}}"#),
        ("{ any { ...on Stone { weight } } }", r#"{"any":{}}"#),
        ("{ any(stone: true) { ...on Thing { slow } ...on Stone { fails weight } } }",
         r#"{"any":{"fails":null,"weight":80}} !any.fails"#),
        ("{ any(stone: true) { ...on Stone { fails } } }", r#"{"any":{"fails":null}} !any.fails"#),
        ("{ any { ...on Stone { weight } ...on Thing { number fails } } }", r#"{"any":null} !any.fails"#),
        (&format!("{{ any {{ {SLOW_FIRST} }} }}"), r#"{"any":{"words":["a","b"],"slow":0,"number":0}}"#),
        (&format!("{{ anys {{ {SLOW_FIRST} __typename }} mayFail }}"),
         r#"{"anys":[{"words":["a","b"],"slow":0,"number":0,"__typename":"Thing"},null,{"number":7,"weight":80,"__typename":"Stone"}],"mayFail":null} !mayFail"#),
        ("{ thing { ...on Any { ...on Thing { slow } number } words } }",
         r#"{"thing":{"slow":0,"number":0,"words":["a","b"]}}"#),
    ])
    .await;
}

#[tokio::test]
async fn mutations_fail_as_queries_do() {
    assert_answers(&[
        ("mutation { fails { number } }", "null !fails"),
        (
            "mutation { mayFail { number } make { number } }",
            r#"{"mayFail":null,"make":{"number":0}} !mayFail"#,
        ),
        ("mutation { make { number } fails { number } }", "null !fails"),
    ])
    .await;
}

#[tokio::test]
async fn mutation_takes_effect_once_however_often_it_is_written() {
    assert_answers(&[
        ("mutation { make { number } a: make { number } make { slow } }", r#"{"make":{"number":0,"slow":0},"a":{"number":1}}"#),
        (
            "mutation { ...A make { slow } ... on Mutation { ...A b: make { number } } } fragment A on Mutation { make { number } }",
            r#"{"make":{"number":0,"slow":0},"b":{"number":1}}"#,
        ),
        (
            "mutation { ...A @skip(if: true) ...A make @skip(if: true) { slow } } fragment A on Mutation { make { number } }",
            r#"{"make":{"number":0}}"#,
        ),
    ])
    .await;
}

#[tokio::test]
async fn every_event_of_a_subscription_is_completed_by_itself() {
    assert_eq!(
        responses("subscription { maybeThings { slow oneFails } }").await,
        [
            r#"{"maybeThings":{"slow":0,"oneFails":0}}"#,
            r#"{"maybeThings":null} !maybeThings.oneFails"#,
            r#"{"maybeThings":{"slow":2,"oneFails":2}}"#,
        ]
    );
    assert_eq!(
        responses("subscription { things { oneFails } }").await,
        [r#"{"things":{"oneFails":0}}"#, "null !things.oneFails", r#"{"things":{"oneFails":2}}"#]
    );
    assert_eq!(responses("subscription { fails { number } }").await, ["null !"], "it has no events");
}

#[tokio::test]
async fn fragments_of_a_subscription_are_followed() {
    let document = "subscription S { ...A ... { maybeThings(skip: 2) { number } } }
        fragment A on Subscription { ...B }
        fragment B on Subscription { maybeThings(skip: 2) { slow } }
        query Q { thing { number } }";
    let request = Request::new(document).operation_name("S");
    assert_eq!(responses(request).await, [r#"{"maybeThings":{"slow":2,"number":2}}"#]);
}

#[tokio::test]
async fn subscription_has_one_field() {
    for document in [
        "subscription { things { number } maybeThings { number } }",
        "subscription { a: things { number } b: things { number } }",
        "subscription { maybeThings(skip: 1) { number } maybeThings(skip: 2) { number } }",
        "subscription { things { number } ...A } fragment A on Subscription { maybeThings { number } }",
    ] {
        assert_eq!(
            responses(document).await,
            ["null !a subscription must have exactly one root field"],
            "{document}"
        );
    }
}

#[tokio::test]
async fn variable_is_omitted_from_an_operation_whose_name_nobody_said() {
    let document = "subscription Named($skip: Int) { maybeThings(skip: $skip) { number } }";
    assert_eq!(responses(document).await.len(), 3);
}
