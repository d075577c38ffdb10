//! The schema as introspection returns it, so that tests cover what exists instead of a list of names.

use serde_json::{Map, Value, json};

use crate::support::Client;

const INTROSPECTION: &str = "{ __schema { mutationType { name } types { kind name
    fields { name args { name defaultValue type { ...Type } } type { ...Type } }
    inputFields { name defaultValue type { ...Type } }
    enumValues { name }
} } }
fragment Type on __Type { kind name ofType { kind name ofType { kind name ofType { kind name
    ofType { kind name ofType { kind name } } } } } }";

/// The value of every text that tests make up: names and keys, which the log must not contain.
pub(super) const PLANTED: &str = "PlantedName";

/// An id of something that does not exist, without its type prefix.
const NOBODY: &str = "01h455vb4pex5vsknk084sn02q";

/// The whole schema.
pub(super) struct Schema {
    types: Vec<Value>,
    mutation: String,
}

impl Schema {
    pub(super) async fn of(client: &Client) -> Self {
        let mut schema = client.data(INTROSPECTION, json!({})).await["__schema"].take();
        let mutation = schema["mutationType"]["name"].as_str().unwrap().to_owned();
        let Value::Array(types) = schema["types"].take() else { panic!("no types") };
        Self { types, mutation }
    }

    /// Every field that changes or searches something.
    pub(super) fn mutations(&self) -> &[Value] {
        self.fields(&self.mutation)
    }

    /// The object types whose fields it has, except the root types and introspection.
    pub(super) fn objects(&self) -> impl Iterator<Item = &str> {
        let objects = self.types.iter().filter(|one| one["kind"] == "OBJECT").map(name);
        objects
            .filter(|name| !name.starts_with("__") && !["Query", "Mutation", "Subscription"].contains(name))
    }

    pub(super) fn fields(&self, of: &str) -> &[Value] {
        self.named(of)["fields"].as_array().map(Vec::as_slice).unwrap_or_default()
    }

    /// A document that calls a mutation with `$input` and selects the id of its result.
    pub(super) fn document(&self, mutation: &Value) -> String {
        let (name, input) = (name(mutation), base(&mutation["args"][0]["type"]));
        assert_eq!(
            mutation["args"].as_array().unwrap().len(),
            1,
            "{name} has other arguments than its input"
        );
        let selection = self.selection(base(&mutation["type"]), 4);
        format!("mutation($input: {input}!) {{ {name}(input: $input) {selection} }}")
    }

    /// The ids of a type: its own and those of its direct fields.
    fn selection(&self, of: &str, depth: usize) -> String {
        let fields = self.fields(of);
        if fields.iter().any(|field| name(field) == "id") {
            return "{ id }".into();
        }
        let mut selected = vec!["__typename".to_owned()];
        for field in fields {
            let inner = base(&field["type"]);
            if inner == "ID" {
                selected.push(name(field).to_owned());
            } else if !self.fields(inner).is_empty() && depth > 0 {
                selected.push(format!("{} {}", name(field), self.selection(inner, depth - 1)));
            }
        }
        format!("{{ {} }}", selected.join(" "))
    }

    /// The minimal input that a mutation accepts: well-formed, but mostly about objects that do not exist.
    pub(super) fn least_input(&self, mutation: &Value) -> Value {
        self.object(base(&mutation["args"][0]["type"]))
    }

    fn object(&self, of: &str) -> Value {
        let fields = self.named(of)["inputFields"].as_array().unwrap();
        let required =
            |field: &&Value| field["type"]["kind"] == "NON_NULL" && field["defaultValue"].is_null();
        let mut given: Vec<&Value> = fields.iter().filter(required).collect();
        if given.is_empty() {
            // One of several alternatives, but no file, which would be a part of the request.
            given.extend(fields.iter().find(|field| base(&field["type"]) != "Upload"));
        }
        let value = |field: &&Value| (name(field).to_owned(), self.value(of, name(field), &field["type"]));
        Value::Object(given.iter().map(value).collect::<Map<_, _>>())
    }

    fn value(&self, of: &str, field: &str, kind: &Value) -> Value {
        match kind["kind"].as_str().unwrap() {
            "NON_NULL" => return self.value(of, field, &kind["ofType"]),
            "LIST" => return json!([self.value(of, field, &kind["ofType"])]),
            "ENUM" => return self.named(name(kind))["enumValues"][0]["name"].clone(),
            "INPUT_OBJECT" => return self.object(name(kind)),
            _ => {}
        }
        match name(kind) {
            "ID" => {
                let prefix = field.strip_suffix("Id").or(of.strip_suffix("Ref")).unwrap_or(of);
                json!(format!("{}_{NOBODY}", prefix.to_lowercase()))
            }
            "Int" => json!(1),
            "Float" => json!(0.5),
            "Boolean" => json!(false),
            "DateTime" => json!("2026-01-31T12:00:00Z"),
            "JSON" => json!({ PLANTED: PLANTED }),
            "String" => json!(PLANTED),
            other => panic!("{of}.{field} is a {other}: give an example value"),
        }
    }

    fn named(&self, wanted: &str) -> &Value {
        self.types.iter().find(|one| one["name"] == wanted).unwrap_or_else(|| panic!("no type {wanted}"))
    }
}

/// The name of a field or a type.
pub(super) fn name(of: &Value) -> &str {
    of["name"].as_str().unwrap()
}

/// The name of a type, without its wrappers.
pub(super) fn base(kind: &Value) -> &str {
    if kind["ofType"].is_null() { name(kind) } else { base(&kind["ofType"]) }
}

/// Whether a type is a list, at any level of wrapping.
pub(super) fn is_list(kind: &Value) -> bool {
    kind["kind"] == "LIST" || !kind["ofType"].is_null() && is_list(&kind["ofType"])
}
