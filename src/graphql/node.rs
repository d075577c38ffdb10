//! `node` and `nodes`: anything by its id alone.

use async_graphql::{Context, ID, Interface, Object};
use entity::ids::{ContainerId, ContourId, DetectionId, EncodingId, EnrollmentId, FaceId, ImageId, PersonId};

use super::conformance::Typed;
use super::context::ContextExt;
use super::contours::Contour;
use super::cost;
use super::detection::Detection;
use super::enrollment::Enrollment;
use super::people::{Face, Person};
use super::verification::{Container, Encoding, Image};
use super::{ApiError, ErrorCode, ids};

/// Most ids in one call of `nodes`.
const MAX_NODES: usize = 100;

/// Something with an id of its own.
#[derive(Interface)]
#[graphql(field(name = "id", ty = "ID", desc = "Its TypeID: the type in words, then 26 characters."))]
pub(super) enum Node {
    Container(Container),
    Image(Image),
    Encoding(Encoding),
    Person(Person),
    Face(Face),
    Enrollment(Enrollment),
    Detection(Detection),
    Contour(Contour),
}

#[derive(Default)]
pub(super) struct NodeQuery;

#[Object]
impl NodeQuery {
    /// Whatever has this id; null when there is no such thing.
    async fn node(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "A TypeID of any type.")] id: ID,
    ) -> Result<Option<Typed<Node>>, ApiError> {
        load(context, &id).await
    }

    /// Whatever has these ids, in their order; null for what is not there. At most 100.
    #[graphql(complexity = "cost::list(i32::try_from(ids.len()).unwrap_or(i32::MAX), child_complexity)")]
    async fn nodes(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "TypeIDs of any types.")] ids: Vec<ID>,
    ) -> Result<Vec<Option<Typed<Node>>>, ApiError> {
        if ids.len() > MAX_NODES {
            let message = format!("at most {MAX_NODES} ids are looked up at once");
            return Err(ApiError::new(ErrorCode::BadUserInput, message));
        }
        futures_util::future::try_join_all(ids.iter().map(|id| load(context, id))).await
    }
}

async fn load(context: &Context<'_>, id: &ID) -> Result<Option<Typed<Node>>, ApiError> {
    context.reader()?;
    let loaders = context.loaders()?;
    let node = if let Some(id) = ids::parse_if::<ContainerId>(id) {
        loaders.load_one(id).await?.map(|row| Node::Container(row.into()))
    } else if let Some(id) = ids::parse_if::<ImageId>(id) {
        loaders.load_one(id).await?.map(|row| Node::Image(row.into()))
    } else if let Some(id) = ids::parse_if::<EncodingId>(id) {
        loaders.load_one(id).await?.map(|row| Node::Encoding(row.into()))
    } else if let Some(id) = ids::parse_if::<PersonId>(id) {
        loaders.load_one(id).await?.map(|row| Node::Person(Person(row)))
    } else if let Some(id) = ids::parse_if::<FaceId>(id) {
        loaders.load_one(id).await?.map(|row| Node::Face(Face(row)))
    } else if let Some(id) = ids::parse_if::<EnrollmentId>(id) {
        loaders.load_one(id).await?.map(|session| Node::Enrollment(Enrollment(session)))
    } else if let Some(id) = ids::parse_if::<DetectionId>(id) {
        loaders.load_one(id).await?.map(|row| Node::Detection(row.into()))
    } else if let Some(id) = ids::parse_if::<ContourId>(id) {
        loaders.load_one(id).await?.map(|row| Node::Contour(row.into()))
    } else {
        return Err(ApiError::new(ErrorCode::InvalidId, "not the id of anything here"));
    };
    Ok(node.map(Typed))
}
