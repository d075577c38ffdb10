//! Ids as clients see them: TypeIDs, such as `container_01h455vb4pex5vsknk084sn02q`.

use async_graphql::ID;
use entity::ids::TypedId;
use type_safe_id::{DynamicType, TypeSafeId};

use super::{ApiError, ErrorCode};

/// Shows an id.
pub(super) fn show<T: TypedId>(id: T) -> ID {
    match DynamicType::new(T::PREFIX) {
        Ok(prefix) => ID(TypeSafeId::from_type_and_uuid(prefix, id.uuid()).to_string()),
        // Unreachable while every prefix is a lower-case word, which a test below holds; the plain id serves.
        Err(_) => ID(id.uuid().to_string()),
    }
}

/// Reads an id of a known type.
pub(super) fn parse<T: TypedId>(id: &ID) -> Result<T, ApiError> {
    parse_if(id).ok_or_else(|| {
        let message = format!("not the id of {} {}", article(T::PREFIX), T::PREFIX);
        ApiError::new(ErrorCode::InvalidId, message)
    })
}

/// Reads an id when it is of this type.
pub(super) fn parse_if<T: TypedId>(id: &ID) -> Option<T> {
    let id: TypeSafeId<DynamicType> = id.parse().ok()?;
    (id.type_prefix() == T::PREFIX).then(|| T::from(id.uuid()))
}

fn article(word: &str) -> &'static str {
    if word.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" }
}

#[cfg(test)]
mod tests {
    use entity::ids::{ContainerId, EncodingId, ImageId};
    use uuid::Uuid;

    use super::*;

    fn round_trip<T: TypedId>() {
        let id = T::from(Uuid::now_v7());
        let shown = show(id);
        assert!(shown.starts_with(&format!("{}_", T::PREFIX)), "{shown:?}");
        assert_eq!(parse_if::<T>(&shown).unwrap().uuid(), id.uuid());
    }

    #[test]
    fn every_id_is_shown_with_its_type_and_read_back() {
        round_trip::<ContainerId>();
        round_trip::<ImageId>();
        round_trip::<EncodingId>();
    }

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
