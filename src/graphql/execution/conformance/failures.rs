//! The positions of errors in a response, for [`super::completion`]. A tree, because a response may have as many errors
//! as fields.

use std::collections::HashMap;

use async_graphql::{PathSegment, QueryPathNode, QueryPathSegment, ServerError};

/// The paths of all errors, as a tree.
#[derive(Default)]
pub(super) struct Failures<'errors>(HashMap<Segment<'errors>, Failures<'errors>>);

#[derive(PartialEq, Eq, Hash)]
enum Segment<'path> {
    Name(&'path str),
    Index(usize),
}

impl<'errors> Failures<'errors> {
    pub(super) fn of(errors: &'errors [ServerError]) -> Self {
        let mut root = Self::default();
        for error in errors {
            let segments = error.path.iter().map(|segment| match segment {
                PathSegment::Field(name) => Segment::Name(name),
                PathSegment::Index(index) => Segment::Index(*index),
            });
            segments.fold(&mut root, |around, segment| around.0.entry(segment).or_default());
        }
        root
    }

    /// Whether there is an error below `place`.
    pub(super) fn are_within(&self, place: &QueryPathNode<'_>) -> bool {
        self.at(place).is_some_and(|within| !within.0.is_empty())
    }

    fn at<'lookup>(&'lookup self, place: &QueryPathNode<'lookup>) -> Option<&'lookup Failures<'lookup>> {
        let around = match place.parent {
            Some(parent) => self.at(parent)?,
            None => self,
        };
        let segment = match place.segment {
            QueryPathSegment::Name(name) => Segment::Name(name),
            QueryPathSegment::Index(index) => Segment::Index(index),
        };
        around.0.get(&segment)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(path: &[PathSegment]) -> ServerError {
        let mut error = ServerError::new("failed", None);
        error.path = path.to_vec();
        error
    }

    #[test]
    fn failures_are_found_within_what_is_around_them() {
        let field = |name: &str| PathSegment::Field(name.to_owned());
        let errors =
            [failed(&[]), failed(&[field("a"), PathSegment::Index(1), field("b")]), failed(&[field("c")])];
        let failures = Failures::of(&errors);
        let root = |name| QueryPathNode { parent: None, segment: QueryPathSegment::Name(name) };
        let (a, c) = (root("a"), root("c"));
        let item = |index| QueryPathNode { parent: Some(&a), segment: QueryPathSegment::Index(index) };
        let (first, second) = (item(0), item(1));
        let b = QueryPathNode { parent: Some(&second), segment: QueryPathSegment::Name("b") };
        let within = [&a, &second, &b, &first, &c, &root("d")].map(|place| failures.are_within(place));
        assert_eq!(within, [true, true, false, false, false, false]);
    }
}
