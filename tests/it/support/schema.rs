//! The schema as a server reports it, for tests that call every existing field instead of a list of names.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::Client;

const INTROSPECTION: &str = "{ __schema {
    queryType { name } mutationType { name } subscriptionType { name }
    types {
        kind name isOneOf
        fields { name args { name defaultValue type { ...t } } type { ...t } }
        inputFields { name defaultValue type { ...t } }
        possibleTypes { name }
        enumValues { name }
    }
} }
fragment t on __Type { kind name ofType { kind name ofType { kind name ofType { kind name ofType { kind name ofType {
    kind name } } } } } }";

/// Settings that allow everything to be selected at once.
pub(crate) const UNLIMITED: [(&str, &str); 6] = [
    ("FACEQL_MAX_QUERY_COST", "1000000000"),
    ("FACEQL_RATE_COST_PER_SECOND", "0"),
    ("FACEQL_MAX_QUERY_FIELDS", "100000"),
    ("FACEQL_MAX_QUERY_ALIASES", "100000"),
    ("FACEQL_MAX_QUERY_TOKENS", "1000000"),
    ("FACEQL_MAX_QUERY_BYTES", "1000000"),
];

/// How deep the fields of a response are selected.
const DEPTH: usize = 4;

/// Every type by its name.
pub(crate) struct Schema {
    roots: Value,
    types: BTreeMap<String, Value>,
}

/// A root field of an operation.
pub(crate) struct RootField<'schema> {
    pub(crate) operation: &'static str,
    pub(crate) name: &'schema str,
    schema: &'schema Schema,
    field: &'schema Value,
}

/// The values of arguments, by their name and type.
pub(crate) trait Fill {
    /// The value of a scalar; `None` omits it where that is possible.
    fn scalar(&self, name: &str, of: &str) -> Option<Value>;
    /// Which field is set in an input object that takes exactly one.
    fn choice<'a>(&self, of: &str, fields: &[&'a str]) -> &'a str;
}

impl Schema {
    pub(crate) async fn of(client: &Client) -> Self {
        let mut told = client.data(INTROSPECTION, json!({})).await["__schema"].take();
        let Value::Array(types) = told["types"].take() else { panic!("no types") };
        let types = types.into_iter().map(|of| (of["name"].as_str().unwrap().to_owned(), of)).collect();
        Self { roots: told, types }
    }

    /// The fields of `query`, `mutation` or `subscription`.
    pub(crate) fn fields(&self, operation: &'static str) -> Vec<RootField<'_>> {
        let root = self.roots[format!("{operation}Type")]["name"].as_str().unwrap();
        let fields = list(&self.types[root]["fields"]);
        let of = |field| RootField { operation, name: name(field), schema: self, field };
        fields.iter().map(of).collect()
    }

    /// Everything that can be selected without arguments, down to that many levels.
    fn selection(&self, of: &str, depth: usize) -> String {
        let of = &self.types[of];
        match of["kind"].as_str().unwrap() {
            "OBJECT" => format!("{{ __typename {} }}", self.own_fields(of, depth)),
            "UNION" | "INTERFACE" => {
                let variants = list(&of["possibleTypes"]).iter().map(|variant| {
                    let name = name(variant);
                    format!("... on {name} {{ {} }}", self.own_fields(&self.types[name], depth))
                });
                format!("{{ __typename {} }}", variants.collect::<Vec<_>>().join(" "))
            }
            _ => String::new(),
        }
    }

    fn own_fields(&self, of: &Value, depth: usize) -> String {
        let asked = list(&of["fields"]).iter().filter_map(|field| {
            let inner = named(&field["type"]);
            let is_leaf = matches!(self.types[inner]["kind"].as_str(), Some("SCALAR" | "ENUM"));
            let needs_arguments = list(&field["args"]).iter().any(is_required);
            if needs_arguments || (!is_leaf && depth == 0) {
                return None;
            }
            // Fields of the same name may differ in type among the variants of a union.
            let (variant, field) = (name(of), name(field));
            Some(format!("{variant}_{field}: {field} {}", self.selection(inner, depth.saturating_sub(1))))
        });
        asked.collect::<Vec<_>>().join(" ")
    }

    fn value(&self, name_of: &str, of: &Value, fill: &dyn Fill) -> Option<Value> {
        match of["kind"].as_str().unwrap() {
            "NON_NULL" if of["ofType"]["kind"] == "ENUM" => {
                Some(self.types[name(&of["ofType"])]["enumValues"][0]["name"].clone())
            }
            "NON_NULL" => self.value(name_of, &of["ofType"], fill),
            "LIST" => Some(json!([self.value(name_of, &of["ofType"], fill)?])),
            // An optional argument would narrow the result.
            "ENUM" => None,
            "INPUT_OBJECT" => {
                let fields = list(&self.types[name(of)]["inputFields"]);
                let names: Vec<&str> = fields.iter().map(name).collect();
                let takes_one = self.types[name(of)]["isOneOf"] == true;
                let chosen = takes_one.then(|| fill.choice(name(of), &names));
                let wanted = |field: &&Value| chosen.is_none_or(|chosen| chosen == name(field));
                let filled = fields.iter().filter(wanted).filter_map(|field| {
                    Some((name(field).to_owned(), self.value(name(field), &field["type"], fill)?))
                });
                Some(Value::Object(filled.collect::<Map<_, _>>()))
            }
            _ => fill.scalar(name_of, name(of)),
        }
    }
}

impl RootField<'_> {
    /// A document that calls this field and selects everything in it, with its variables.
    pub(crate) fn call(&self, fill: &dyn Fill) -> (String, Value) {
        let (mut declared, mut passed, mut variables) = (Vec::new(), Vec::new(), Map::new());
        for argument in list(&self.field["args"]) {
            let Some(value) = self.schema.value(name(argument), &argument["type"], fill) else { continue };
            let name = name(argument);
            declared.push(format!("${name}: {}", written(&argument["type"])));
            passed.push(format!("{name}: ${name}"));
            variables.insert(name.to_owned(), value);
        }
        let in_brackets = |parts: Vec<String>| match &*parts {
            [] => String::new(),
            parts => format!("({})", parts.join(", ")),
        };
        let Self { operation, name, .. } = self;
        let selection = self.schema.selection(named(&self.field["type"]), DEPTH);
        let (declared, passed) = (in_brackets(declared), in_brackets(passed));
        (format!("{operation}{declared} {{ {name}{passed} {selection} }}"), Value::Object(variables))
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn name(of: &Value) -> &str {
    of["name"].as_str().unwrap()
}

/// The type's own name, without list and non-null.
fn named(of: &Value) -> &str {
    if of["ofType"].is_null() { name(of) } else { named(&of["ofType"]) }
}

fn is_required(input: &Value) -> bool {
    input["type"]["kind"] == "NON_NULL" && input["defaultValue"].is_null()
}

/// The type as written in a variable's declaration.
fn written(of: &Value) -> String {
    match of["kind"].as_str().unwrap() {
        "NON_NULL" => format!("{}!", written(&of["ofType"])),
        "LIST" => format!("[{}]", written(&of["ofType"])),
        _ => name(of).to_owned(),
    }
}
