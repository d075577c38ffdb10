//! Ids in GraphQL: TypeIDs as [`crate::ids`] formats them.

use async_graphql::ID;
use entity::ids::TypedId;

use super::{ApiError, ErrorCode};
use crate::ids;

pub(super) fn show<T: TypedId>(id: T) -> ID {
    ID(ids::show(id))
}

/// Parses an id of type `T`; `INVALID_ID` if it is malformed or of another type.
pub(super) fn parse<T: TypedId>(id: &ID) -> Result<T, ApiError> {
    parse_if(id).ok_or_else(|| {
        let message = format!("not the id of {} {}", article(T::PREFIX), T::PREFIX);
        ApiError::new(ErrorCode::InvalidId, message)
    })
}

/// Parses an id; `None` if it is malformed or of another type.
pub(super) fn parse_if<T: TypedId>(id: &ID) -> Option<T> {
    ids::parse(id)
}

fn article(word: &str) -> &'static str {
    if word.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" }
}

#[cfg(test)]
mod tests {
    use entity::ids::{ContainerId, ImageId};
    use uuid::Uuid;

    use super::*;

    #[test]
    fn an_id_of_another_type_or_shape_is_refused() {
        let image = show(ImageId(Uuid::now_v7()));
        for wrong in
            [image.as_str(), "container_", "container_xyz", "", "0190163d-8694-739b-aea5-966c26f8ad91"]
        {
            let error = parse::<ContainerId>(&ID(wrong.into())).unwrap_err();
            assert_eq!(error.code, ErrorCode::InvalidId, "{wrong}");
        }
    }
}
