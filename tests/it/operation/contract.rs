//! Consistency checks: a described schema, checked-in files that match the code, and a configuration that reports
//! all its errors.

use faceql::config::Config;
use faceql::settings::Settings;
use serde_json::{Value, json};

use crate::support::TestServer;

#[tokio::test]
async fn every_element_of_the_schema_is_described() {
    let server = TestServer::start().await;
    let query = "{ __schema { types { name description
        fields(includeDeprecated: true) { name description args { name description } }
        inputFields { name description }
        enumValues(includeDeprecated: true) { name description }
    } } }";
    let schema = server.client().data(query, json!({})).await;
    let types = schema["__schema"]["types"].as_array().unwrap();
    // ID is GraphQL's own, as is introspection.
    let own =
        types.iter().filter(|one| one["name"] != "ID" && !one["name"].as_str().unwrap().starts_with("__"));
    let bare: Vec<String> = own.flat_map(|one| undescribed("", one)).collect();
    assert_eq!(bare, [""; 0]);
    server.stop().await;
}

/// The paths of `element` and its content that have no description.
fn undescribed(parent: &str, element: &Value) -> Vec<String> {
    let path = format!("{parent}/{}", element["name"].as_str().unwrap());
    let parts = ["fields", "args", "inputFields", "enumValues"];
    let inner = parts.iter().filter_map(|part| element[part].as_array()).flatten();
    let mut bare: Vec<String> = inner.flat_map(|one| undescribed(&path, one)).collect();
    if element["description"].as_str().is_none_or(str::is_empty) {
        bare.push(path);
    }
    bare
}

#[test]
fn checked_in_schema_matches_the_code() {
    assert!(
        faceql::graphql::sdl() == include_str!("../../../schema.graphql"),
        "regenerate it with `faceql schema`"
    );
}

#[test]
fn checked_in_settings_match_the_code() {
    assert!(Config::example() == include_str!("../../../.env.example"), "regenerate it with `faceql config`");
}

#[test]
fn all_configuration_errors_are_reported_at_once() {
    let problems = problems(&[
        ("FACEQL_ENGINE_THREADS", "many"),
        ("FACEQL_DURABLE", "perhaps"),
        ("DATABASE_URL", "postgres://elsewhere"),
        ("ENCODING_SERVICE_URL", "ftp://elsewhere"),
        ("FACEQL_IMAGES_PER_CONTAINER", "101"),
        ("FACEQL_MAX_UPLOAD_BITES", "1"),
    ]);
    for told in [
        "6 problem(s)",
        "FACEQL_ENGINE_THREADS: expected a whole number from 0 to 256",
        "FACEQL_DURABLE: expected true or false",
        "DATABASE_URL: expected sqlite:PATH",
        "ENCODING_SERVICE_URL: expected an http or https address",
        "FACEQL_IMAGES_PER_CONTAINER: expected a whole number from 1 to 100",
        "FACEQL_MAX_UPLOAD_BITES: no such setting",
    ] {
        assert!(problems.contains(told), "'{told}' is not in: {problems}");
    }
}

#[test]
fn limits_that_contradict_each_other_are_errors() {
    for (setting, beside) in [
        ("FACEQL_MAX_REQUEST_BYTES", "FACEQL_MAX_UPLOAD_BYTES"),
        ("FACEQL_MAX_BYTES_IN_FLIGHT", "FACEQL_MAX_REQUEST_BYTES"),
    ] {
        let problems = problems(&[(setting, "65536")]);
        assert!(
            problems.contains(&format!("{setting}: expected at least as much as {beside}")),
            "{problems}"
        );
    }
}

#[test]
fn server_does_not_listen_to_the_network_without_a_key() {
    let reach = |settings: &[(&'static str, &'static str)], asks_for_key| {
        let config = Config::read(Settings::from_values(settings.iter().copied())).unwrap();
        config.http.check_reach(asks_for_key).is_ok()
    };
    let open = ("FACEQL_LISTEN", "0.0.0.0:8080");
    assert!(!reach(&[open], false));
    assert!(reach(&[open], true));
    assert!(reach(&[open, ("FACEQL_ALLOW_ANONYMOUS", "true")], false));
    assert!(reach(&[("FACEQL_LISTEN", "[::1]:8080")], false));
}

#[test]
fn refused_key_is_not_repeated_in_the_error() {
    let problems = problems(&[("FACEQL_API_KEY", "acme:secret")]);
    assert!(problems.contains("FACEQL_API_KEY") && !problems.contains("secret"), "{problems}");
}

#[tokio::test]
async fn health_check_and_front_page_respond() {
    let server = TestServer::start().await;
    let get = async |path: &str| {
        server.client().http.get(format!("http://{}{path}", server.address)).send().await.unwrap()
    };
    assert_eq!(get("/health/live").await.status(), 204);
    assert_eq!(get("/health/ready").await.status(), 204);
    assert!(get("/").await.text().await.unwrap().contains("GraphiQL"));
    let query = "{ service { version ready components { name healthy } limits { imagesPerContainer } models { name } } }";
    let service = server.client().data(query, json!({})).await["service"].take();
    assert_eq!((&service["ready"], &service["limits"]["imagesPerContainer"]), (&json!(true), &json!(5)));
    assert_eq!(service["models"].as_array().unwrap().len(), 2);
    server.stop().await;
}

fn problems(values: &[(&str, &str)]) -> String {
    Config::read(Settings::from_values(values.iter().copied())).unwrap_err().to_string()
}
