//! Completes a response as the specification requires (October 2021, 6.4).
//!
//! async-graphql omits a failed field from its object. Here the field becomes null, or the nearest enclosing nullable
//! value does. It also writes the fields of an object in the order in which they complete; here they are put into the
//! order of the document. If nothing failed, objects of plain fields that are already in order only cost a comparison
//! of their keys.

use std::mem;

use async_graphql::indexmap::IndexMap;
use async_graphql::parser::types::OperationType;
use async_graphql::registry::{MetaTypeName, Registry};
use async_graphql::{Name, QueryPathNode, QueryPathSegment, Response, Value};

use super::failures::Failures;
use super::outline::{Field, Outline, Part};
use super::typed::TYPE_KEY;

/// Completes `response`, which must result from executing the document that `outline` was made of.
pub(in crate::graphql) fn complete(
    mut response: Response,
    outline: &Outline,
    registry: &Registry,
) -> Response {
    let is_done = response.errors.is_empty() && outline.is_straight && response.data != Value::Null;
    if is_done {
        return response;
    }
    let root = match outline.kind {
        OperationType::Query => Some(&registry.query_type),
        OperationType::Mutation => registry.mutation_type.as_ref(),
        OperationType::Subscription => registry.subscription_type.as_ref(),
    };
    let failures = Failures::of(&response.errors);
    let has_failed = !response.errors.is_empty();
    let completion = Completion { outline, registry, failures, has_failed };
    let mut fields = match mem::take(&mut response.data) {
        Value::Object(fields) => fields,
        _ => Fields::new(),
    };
    let completed = completion.object(root.map_or("", String::as_str), &[&outline.root], &mut fields, None);
    response.data = if completed.is_ok() { Value::Object(fields) } else { Value::Null };
    response
}

type Fields = IndexMap<Name, Value>;

/// A non-null value is null.
struct Broken;

struct Completion<'request> {
    outline: &'request Outline,
    registry: &'request Registry,
    failures: Failures<'request>,
    has_failed: bool,
}

/// Position of a value in the response; `None` is the root.
type Place<'path> = Option<&'path QueryPathNode<'path>>;

impl<'request> Completion<'request> {
    /// `of` is the object's type, or an interface that it implements; `asked` are all fields of the document that
    /// select the object.
    fn object(
        &self,
        of: &str,
        asked: &[&'request Field],
        fields: &mut Fields,
        place: Place<'_>,
    ) -> Result<(), Broken> {
        if let [one] = asked
            && are_in_order(&one.parts, fields)
        {
            return one.parts.iter().zip(fields.values_mut()).try_for_each(|(part, value)| match part {
                Part::Field(field) => self.field(of, &field.key, &[field], value, place),
                Part::Fragment(_) | Part::Spread(_) => Ok(()),
            });
        }
        let mut unordered = mem::take(fields);
        let own_type = unordered.swap_remove(TYPE_KEY);
        let of = if let Some(Value::String(own_type)) = &own_type { own_type } else { of };
        let mut collected = IndexMap::new();
        for field in asked {
            self.collect(of, &field.parts, &mut collected);
        }
        for (key, asked) in collected {
            let value = unordered.swap_remove(key);
            if value.is_none() && !self.has_failed {
                continue;
            }
            let mut value = value.unwrap_or_default();
            self.field(of, key, &asked, &mut value, place)?;
            fields.insert(key.clone(), value);
        }
        Ok(())
    }

    /// Adds the fields that an object of the type `of` must contain, by response key (`CollectFields` in the
    /// specification).
    fn collect(
        &self,
        of: &str,
        parts: &'request [Part],
        into: &mut IndexMap<&'request Name, Vec<&'request Field>>,
    ) {
        for part in parts {
            let fragment = match part {
                Part::Field(field) if field.key == TYPE_KEY => continue,
                Part::Field(field) => {
                    into.entry(&field.key).or_default().push(field);
                    continue;
                }
                Part::Fragment(fragment) => Some(fragment),
                Part::Spread(name) => self.outline.fragments.get(name),
            };
            if let Some(fragment) = fragment.filter(|fragment| self.applies(fragment.on.as_ref(), of)) {
                self.collect(of, &fragment.parts, into);
            }
        }
    }

    fn applies(&self, condition: Option<&Name>, of: &str) -> bool {
        condition.is_none_or(|condition| {
            let condition = self.registry.types.get(condition.as_str());
            condition.is_some_and(|condition| condition.is_possible_type(of))
        })
    }

    /// `asked` are all fields of the document with the response key `key` in an object of the type `of`.
    fn field(
        &self,
        of: &str,
        key: &str,
        asked: &[&'request Field],
        value: &mut Value,
        place: Place<'_>,
    ) -> Result<(), Broken> {
        if is_leaf(asked) && !self.has_failed {
            return Ok(());
        }
        let of = self.registry.types.get(of);
        let field = asked.first().and_then(|field| of?.field_by_name(&field.name));
        // `__typename` is not a field of the type.
        let Some(field) = field else { return Ok(()) };
        let place = QueryPathNode { parent: place, segment: QueryPathSegment::Name(key) };
        self.value(&field.ty, asked, value, &place)
    }

    /// `of` is the type in GraphQL notation, such as `[Image!]!`.
    fn value(
        &self,
        of: &str,
        asked: &[&'request Field],
        value: &mut Value,
        place: &QueryPathNode<'_>,
    ) -> Result<(), Broken> {
        match MetaTypeName::create(of) {
            MetaTypeName::NonNull(of) => {
                self.value(of, asked, value, place)?;
                if *value == Value::Null && self.has_failed { Err(Broken) } else { Ok(()) }
            }
            MetaTypeName::List(of) => {
                if self.items(of, asked, value, place).is_err() {
                    *value = Value::Null;
                }
                Ok(())
            }
            MetaTypeName::Named(of) => {
                // async-graphql makes an object null if all of its fields failed.
                if *value == Value::Null && self.failures.are_within(place) {
                    *value = Value::Object(Fields::new());
                }
                if let Value::Object(fields) = value
                    && !is_leaf(asked)
                    && self.object(of, asked, fields, Some(place)).is_err()
                {
                    *value = Value::Null;
                }
                Ok(())
            }
        }
    }

    fn items(
        &self,
        of: &str,
        asked: &[&'request Field],
        value: &mut Value,
        place: &QueryPathNode<'_>,
    ) -> Result<(), Broken> {
        let Value::List(items) = value else { return Ok(()) };
        items.iter_mut().enumerate().try_for_each(|(index, item)| {
            let place = QueryPathNode { parent: Some(place), segment: QueryPathSegment::Index(index) };
            self.value(of, asked, item, &place)
        })
    }
}

/// Whether the fields select a scalar or enum, which has no selection set.
fn is_leaf(asked: &[&Field]) -> bool {
    asked.iter().all(|field| field.parts.is_empty())
}

/// Whether the object contains exactly the plain fields `parts`, in this order.
fn are_in_order(parts: &[Part], fields: &Fields) -> bool {
    let is_key = |(part, key): (&Part, &Name)| matches!(part, Part::Field(field) if field.key == *key && field.key != TYPE_KEY);
    parts.len() == fields.len() && parts.iter().zip(fields.keys()).all(is_key)
}
