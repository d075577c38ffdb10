//! Containers and their images: queries, mutations, subscription and their types.

mod mutation;
mod query;
mod subscription;
mod types;

pub(super) use mutation::ContainerMutation;
pub(super) use query::ContainerQuery;
pub(super) use subscription::ContainerSubscription;
pub(super) use types::{Container, Encoding, Image};
