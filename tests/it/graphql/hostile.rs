//! Broken or malicious requests: each gets a GraphQL error with a code, and the server keeps running.

use reqwest::multipart::{Form, Part};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

use crate::support::client::read;
use crate::support::{Client, TestServer, code};

const UPLOAD: &str = r#"{"query": "mutation($f: Upload!) { uploadImage(input: {containerId: \"x\", image: {upload: $f}}) { image { id } } }", "variables": {"f": null}}"#;

/// Status and code of the response; checks that the server is healthy afterwards.
async fn refusal(client: &Client, request: RequestBuilder) -> (u16, String) {
    let response = request.send().await.unwrap();
    let (status, answer) = (response.status().as_u16(), read(response).await);
    assert!(answer["errors"][0]["message"].is_string(), "{answer}");
    let service = client.data("{ service { ready } }", json!({})).await;
    assert_eq!(service["service"]["ready"], true);
    (status, code(&answer).to_owned())
}

#[tokio::test]
async fn broken_bodies_are_refused() {
    let server = TestServer::start().await;
    let client = server.client();
    let deep = format!("{{\"query\": \"{{ a }}\", \"variables\": {{\"a\": {}", "[".repeat(100_000));
    for body in ["", "{", "null", "7", "[{}]", "{\"query\": 7}", "\u{0}", &deep] {
        let request = client.post().header("Content-Type", "application/json").body(body.to_owned());
        let short: String = body.chars().take(40).collect();
        assert_eq!(refusal(&client, request).await, (400, "BAD_USER_INPUT".into()), "{short}");
    }
    let huge = client.post().header("Content-Type", "application/json").body(vec![b' '; (64 << 20) + 1]);
    assert_eq!(refusal(&client, huge).await, (413, "PAYLOAD_TOO_LARGE".into()));
    server.stop().await;
}

#[tokio::test]
async fn only_json_and_form_data_are_accepted() {
    let server = TestServer::start().await;
    let client = server.client();
    let body = r#"{"query": "{ service { ready } }"}"#;
    for content_type in
        ["text/plain", "application/x-www-form-urlencoded", "multipart/mixed", "application/jsonx", ""]
    {
        let request = client.post().header("Content-Type", content_type).body(body);
        assert_eq!(refusal(&client, request).await, (415, "UNSUPPORTED_MEDIA_TYPE".into()), "{content_type}");
    }
    server.stop().await;
}

#[tokio::test]
async fn invalid_and_too_deep_documents_are_refused() {
    let server = TestServer::start().await;
    let client = server.client();
    let cycle = "{ ...A } fragment A on Query { ...B } fragment B on Query { ...A }";
    let nested = format!(
        "{{ containers {{ nodes {{ {} id {} }} }} }}",
        "images { container { ".repeat(10),
        "} } ".repeat(10)
    );
    let (braces, lists) = ("{a".repeat(50_000), "[".repeat(50_000));
    let listed =
        format!("mutation {{ createContainer(input: {{metadata: {lists}}}) {{ container {{ id }} }} }}");
    for (query, status, expected) in [
        ("", 200, "GRAPHQL_PARSE_FAILED"),
        ("{", 200, "GRAPHQL_PARSE_FAILED"),
        // Refused before parsing.
        (&braces, 400, "QUERY_TOO_COSTLY"),
        (&listed, 400, "QUERY_TOO_COSTLY"),
        (&braces[..6000], 400, "QUERY_TOO_COSTLY"),
        (&braces[..180], 200, "GRAPHQL_PARSE_FAILED"),
        ("{ nothing }", 200, "GRAPHQL_VALIDATION_FAILED"),
        (cycle, 200, "GRAPHQL_VALIDATION_FAILED"),
        (&nested, 200, "QUERY_TOO_COSTLY"),
    ] {
        let request = client.post().json(&json!({ "query": query }));
        let short: String = query.chars().take(60).collect();
        assert_eq!(refusal(&client, request).await, (status, expected.into()), "{short}");
    }
    server.stop().await;
}

#[tokio::test]
async fn foreign_host_is_refused_while_no_key_exists() {
    let server = TestServer::with(&[("FACEQL_ALLOWED_HOSTS", "faces.example")]).await;
    let client = server.client();
    let ask =
        |host: &str| client.post().header("Host", host).json(&json!({ "query": "{ service { ready } }" }));
    for host in ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example:80"] {
        assert_eq!(refusal(&client, ask(host)).await, (403, "FORBIDDEN".into()), "{host}");
    }
    for host in ["faces.example:8080", "localhost", "127.0.0.1"] {
        assert_eq!(ask(host).send().await.unwrap().status(), 200, "{host}");
    }
    server.stop().await;
}

#[tokio::test]
async fn page_of_another_origin_is_refused_while_no_key_exists() {
    let server = TestServer::start().await;
    let client = server.client();
    let ask = |origin: String| {
        client.post().header("Origin", origin).json(&json!({ "query": "{ service { ready } }" }))
    };
    for origin in ["https://evil.example", "null", "http://localhost:3000"] {
        assert_eq!(refusal(&client, ask(origin.into())).await, (403, "CSRF_REFUSED".into()), "{origin}");
    }
    assert_eq!(ask(format!("http://{}", server.address)).send().await.unwrap().status(), 200);
    server.stop().await;
}

#[tokio::test]
async fn image_or_link_of_a_foreign_page_cannot_send_queries() {
    let settings = [("FACEQL_ALLOWED_ORIGINS", "https://app.example"), ("FACEQL_ALLOW_ANONYMOUS", "true")];
    // With and without the check of hosts.
    for settings in [&settings[..1], &settings] {
        let server = TestServer::with(settings).await;
        let client = server.client();
        let url = |path: &str| format!("http://{}{path}", server.address);
        let ask = |headers: &[(&str, &str)]| {
            let get = client.http.get(url("/graphql?query={service{ready}}"));
            headers.iter().fold(get, |get, (name, value)| get.header(*name, *value))
        };
        for site in ["cross-site", "same-site"] {
            for further in [("Sec-Fetch-Dest", "image"), ("Sec-Fetch-Mode", "navigate")] {
                let refused = refusal(&client, ask(&[("Sec-Fetch-Site", site), further])).await;
                assert_eq!(refused, (403, "CSRF_REFUSED".into()), "{site}, {further:?}");
            }
            let allowed = ask(&[("Sec-Fetch-Site", site), ("Origin", "https://app.example")]);
            assert_eq!(allowed.send().await.unwrap().status(), 200, "{site}");
            let asked_first = ask(&[("Sec-Fetch-Site", site), ("Apollo-Require-Preflight", "1")]);
            assert_eq!(asked_first.send().await.unwrap().status(), 200, "{site}");
            // A link to the page itself is harmless.
            for path in ["/", "/health/live"] {
                let page = client.http.get(url(path)).header("Sec-Fetch-Site", site);
                assert!(page.send().await.unwrap().status().is_success(), "{path}");
            }
        }
        for own in [&[][..], &[("Sec-Fetch-Site", "same-origin")], &[("Sec-Fetch-Site", "none")]] {
            assert_eq!(ask(own).send().await.unwrap().status(), 200, "{own:?}");
        }
        server.stop().await;
    }
}

#[tokio::test]
async fn request_that_trickles_in_does_not_hold_a_permit() {
    let server = TestServer::with(&[("FACEQL_BODY_TIMEOUT_SECONDS", "1")]).await;
    let mut connection = TcpStream::connect(server.address).await.unwrap();
    let head = "POST /graphql HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
                Content-Length: 100\r\n\r\n{";
    connection.write_all(head.as_bytes()).await.unwrap();
    let mut answer = String::new();
    BufReader::new(connection).read_line(&mut answer).await.unwrap();
    assert!(answer.contains("408"), "{answer}");
    server.stop().await;
}

#[tokio::test]
async fn other_methods_are_refused() {
    let server = TestServer::start().await;
    let client = server.client();
    for method in [Method::PUT, Method::DELETE, Method::PATCH] {
        let url = format!("http://{}/graphql?query={{service{{ready}}}}", server.address);
        let request = client.http.request(method.clone(), url);
        assert_eq!(refusal(&client, request).await, (405, "METHOD_NOT_ALLOWED".into()), "{method}");
    }
    server.stop().await;
}

#[tokio::test]
async fn malformed_multipart_is_refused() {
    let server = TestServer::start().await;
    let client = server.client();
    let file = || Part::bytes(b"file".to_vec()).file_name("a.jpg");
    let many: Value = (0..21)
        .map(|index| (index.to_string(), json!(["variables.f"])))
        .collect::<serde_json::Map<_, _>>()
        .into();
    let paths = |paths: Vec<String>| json!({ "f": paths }).to_string();
    let spread = paths((0..21).map(|index| format!("variables.f.{index}")).collect());
    let repeated = paths(vec!["variables.f".to_owned(); 2]);
    let mixed = Part::text(UPLOAD).mime_str("multipart/mixed; boundary=y").unwrap();
    let forms = [
        ("nothing", Form::new()),
        ("the map first", Form::new().text("map", "{}").text("operations", UPLOAD)),
        ("no map", Form::new().text("operations", UPLOAD)),
        ("no JSON", Form::new().text("operations", "no").text("map", "{}")),
        ("a batch", Form::new().text("operations", format!("[{UPLOAD}]")).text("map", "{}")),
        ("a map of numbers", Form::new().text("operations", UPLOAD).text("map", r#"{"f": [7]}"#)),
        ("an unknown file", Form::new().text("operations", UPLOAD).text("map", "{}").part("f", file())),
        ("21 files", Form::new().text("operations", UPLOAD).text("map", many.to_string())),
        ("21 variables", Form::new().text("operations", UPLOAD).text("map", spread).part("f", file())),
        ("a variable twice", Form::new().text("operations", UPLOAD).text("map", repeated).part("f", file())),
        ("nested multipart", Form::new().part("operations", mixed).text("map", "[]")),
    ];
    for (what, form) in forms {
        assert_eq!(
            refusal(&client, client.post().multipart(form)).await,
            (400, "BAD_USER_INPUT".into()),
            "{what}"
        );
    }
    for (content_type, body) in [
        ("multipart/form-data", ""),
        ("multipart/form-data; boundary=x", "no parts"),
        (
            "multipart/form-data; boundary=x",
            "--x\r\nContent-Disposition: form-data; name=\"operations\"\r\n\r\n{",
        ),
    ] {
        let request = client.post().header("Content-Type", content_type).body(body);
        assert_eq!(refusal(&client, request).await, (400, "BAD_USER_INPUT".into()), "{body}");
    }
    server.stop().await;
}

#[tokio::test]
async fn operations_marked_as_nested_multipart_do_not_break_the_server() {
    let server = TestServer::start().await;
    let client = server.client();
    let operations = Part::text(UPLOAD).mime_str("multipart/mixed; boundary=y").unwrap();
    let file = Part::bytes(b"file".to_vec()).file_name("a.jpg").mime_str("multipart/mixed").unwrap();
    let form =
        Form::new().part("operations", operations).text("map", r#"{"f": ["variables.f"]}"#).part("f", file);
    // The container's id is invalid: the request was read and reached its resolver.
    assert_eq!(refusal(&client, client.post().multipart(form)).await.1, "INVALID_ID");
    server.stop().await;
}

#[tokio::test]
async fn unmapped_or_forged_file_is_refused() {
    let server = TestServer::start().await;
    let client = server.client();
    let container = client.create_container().await;
    let upload = UPLOAD.replace("\\\"x\\\"", &format!("\\\"{container}\\\""));
    for path in ["variables.nothing.at.all", "operationName", "", "variables.f.0", "variables"] {
        let map = json!({ "f": [path] }).to_string();
        let file = Part::bytes(b"file".to_vec()).file_name("a.jpg");
        let form = Form::new().text("operations", upload.clone()).text("map", map).part("f", file);
        let (_, code) = refusal(&client, client.post().multipart(form)).await;
        assert_eq!(code, "BAD_USER_INPUT", "{path}");
    }
    for forged in ["#__graphql_file__:0", "#__graphql_file__:99999999999999999999", "/etc/passwd"] {
        let mut operations: Value = serde_json::from_str(&upload).unwrap();
        operations["variables"]["f"] = json!(forged);
        let (_, code) = refusal(&client, client.post().json(&operations)).await;
        assert!(["BAD_USER_INPUT", "NO_IMAGE"].contains(&&*code), "{forged}: {code}");
    }
    assert_eq!(server.holdings().await, (0, 0, 0));
    server.stop().await;
}
