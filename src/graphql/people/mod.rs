//! People: enrollment, lookup, verification and identification.

mod input;
mod mutation;
mod query;
mod recognition;
mod types;

pub(super) use input::{ConsentInput, PersonRefInput};
pub(super) use mutation::PeopleMutation;
pub(super) use query::PeopleQuery;
pub(super) use recognition::RecognitionMutation;
pub(super) use types::{Face, Person};
