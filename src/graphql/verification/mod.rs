//! Verification containers: queries, mutations, the subscription and their types.

mod mutation;
mod query;
mod subscription;
mod types;

pub(super) use mutation::VerificationMutation;
pub(super) use query::VerificationQuery;
pub(super) use subscription::VerificationSubscription;
pub(super) use types::{Container, Encoding, Image};
