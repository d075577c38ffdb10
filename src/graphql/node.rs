//! The root fields `node` and `nodes`, which find objects of any type by id.

use async_graphql::{Context, ID, Interface, Object};
use entity::ids::{ContainerId, ContourId, DetectionId, EncodingId, EnrollmentId, FaceId, ImageId, PersonId};

use super::containers::{Container, Encoding, Image};
use super::context::ContextExt;
use super::contours::Contour;
use super::detection::Detection;
use super::enrollment::Enrollment;
use super::execution::complexity;
use super::execution::conformance::Typed;
use super::people::{Face, Person};
use super::{ApiError, ErrorCode, ids};

/// Maximum number of ids in one call of `nodes`.
const MAX_NODES: usize = 100;

/// An object with a globally unique id.
#[derive(Interface)]
#[graphql(field(
    name = "id",
    ty = "ID",
    desc = "TypeID: the type's name, an underscore, and 26 characters."
))]
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
    /// The object with this id, of whatever type; null if there is none. Error: `INVALID_ID`.
    async fn node(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "A TypeID of any type, such as `person_…`.")] id: ID,
    ) -> Result<Option<Typed<Node>>, ApiError> {
        load(context, &id).await
    }

    /// The objects with these ids, in the order of the ids, with null for an object that does not exist. Errors:
    /// `INVALID_ID`, `BAD_USER_INPUT` for more than 100 ids.
    #[graphql(
        complexity = "complexity::list(i32::try_from(ids.len()).unwrap_or(i32::MAX), child_complexity)"
    )]
    async fn nodes(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "TypeIDs of any types, at most 100.")] ids: Vec<ID>,
    ) -> Result<Vec<Option<Typed<Node>>>, ApiError> {
        if ids.len() > MAX_NODES {
            let message = format!("nodes takes at most {MAX_NODES} ids");
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
        return Err(ApiError::new(ErrorCode::InvalidId, "not an id of any type"));
    };
    Ok(node.map(Typed))
}
