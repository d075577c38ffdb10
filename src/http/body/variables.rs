//! Reads the variables of a request from JSON, but only those that its document uses.

use std::collections::HashSet;
use std::fmt;

use async_graphql::{Name, Request as GraphQlRequest, Variables};
use async_graphql_value::ConstValue;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::graphql::{ChangedNumbers, ErrorCode, variables_in};
use crate::http::graphql::refusal::Refusal;

/// The unparsed variables of a request.
pub(in crate::http) struct Unread<'body> {
    pub(in crate::http) json: Option<&'body RawValue>,
    /// Whether it contains a number that parsing may change.
    pub(in crate::http) may_change: bool,
}

impl Unread<'_> {
    /// Sets the variables of `request`, and attaches the numbers that parsing changed for resolvers that store values.
    pub(in crate::http) fn read_into(self, request: &mut GraphQlRequest) -> Result<(), Refusal> {
        let suspicious = self.json.filter(|_| self.may_change).map(|json| json.get().as_bytes());
        if let Some(changed) = ChangedNumbers::of(&request.query, suspicious)? {
            request.data.insert(changed);
        }
        if let Some(json) = self.json {
            let mut deserializer = serde_json::Deserializer::from_str(json.get());
            let variables = Named(&variables_in(&request.query)).deserialize(&mut deserializer);
            request.variables = variables.map_err(|error| {
                let message = format!("the variables are invalid: {error}");
                Refusal::new(ErrorCode::BadUserInput, message)
            })?;
        }
        Ok(())
    }
}

/// Deserializes the fields with these names and skips the others without allocating them.
struct Named<'names>(&'names HashSet<&'names str>);

impl<'de> DeserializeSeed<'de> for Named<'_> {
    type Value = Variables;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Variables, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Named<'_> {
    type Value = Variables;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Variables, A::Error> {
        let mut variables = Variables::default();
        while let Some(name) = fields.next_key::<String>()? {
            if self.0.contains(name.as_str()) {
                variables.insert(Name::new(name), fields.next_value::<ConstValue>()?);
            } else {
                fields.next_value::<IgnoredAny>()?;
            }
        }
        Ok(variables)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(query: &str, json: &str) -> Result<GraphQlRequest, Refusal> {
        let mut request = GraphQlRequest::new(query);
        let json = serde_json::from_str(json).unwrap();
        Unread { json: Some(json), may_change: true }.read_into(&mut request)?;
        Ok(request)
    }

    #[test]
    fn only_variables_that_the_document_names_are_kept() {
        let query = "query($a: Int # $c\n, $b: [Int]) { x(a: $a, b: $b, c: \"$d\") }";
        let request = read(query, r#"{"a": 1, "b": [2, 3], "c": 4, "d": {"e": 5}}"#).unwrap();
        let names: Vec<&str> = request.variables.keys().map(Name::as_str).collect();
        assert_eq!(names, ["a", "b"]);
    }

    #[test]
    fn what_is_no_object_or_has_a_number_beyond_all_is_refused() {
        for json in ["[]", "7", "\"a\"", r#"{"a": {"b": [1e400]}}"#] {
            let refusal = read("query($a: JSON) { x(a: $a) }", json).err().unwrap();
            assert_eq!(refusal.code(), ErrorCode::BadUserInput, "{json}");
        }
        read("{ x }", r#"{"a": 1e400}"#).unwrap();
    }
}
