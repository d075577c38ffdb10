//! The external form of ids: TypeIDs, such as `container_01h455vb4pex5vsknk084sn02q`.

use entity::ids::{AnyId, TypedId};
use type_safe_id::{DynamicType, TypeSafeId};

/// Formats an id as a TypeID.
#[must_use]
pub fn show(id: impl Into<AnyId>) -> String {
    let AnyId { prefix, uuid } = id.into();
    match DynamicType::new(prefix) {
        Ok(prefix) => TypeSafeId::from_type_and_uuid(prefix, uuid).to_string(),
        // Unreachable while every prefix is a lower-case word, which a test below ensures.
        Err(_) => uuid.to_string(),
    }
}

/// Parses a TypeID; `None` when it is malformed or of another type.
#[must_use]
pub fn parse<T: TypedId>(text: &str) -> Option<T> {
    let id: TypeSafeId<DynamicType> = text.parse().ok()?;
    (id.type_prefix() == T::PREFIX).then(|| T::from(id.uuid()))
}

#[cfg(test)]
mod tests {
    use entity::ids::{
        ApiKeyId, ContainerId, ContourId, DetectionId, EncodingId, EnrollmentId, FaceId, ImageId, PersonId,
    };
    use uuid::Uuid;

    use super::*;

    fn round_trip<T: TypedId>() {
        let id = T::from(Uuid::now_v7());
        let shown = show(id);
        assert!(shown.starts_with(&format!("{}_", T::PREFIX)), "{shown:?}");
        assert_eq!(parse::<T>(&shown).unwrap().uuid(), id.uuid());
    }

    #[test]
    fn every_id_is_shown_with_its_type_and_read_back() {
        round_trip::<ApiKeyId>();
        round_trip::<ContainerId>();
        round_trip::<ContourId>();
        round_trip::<DetectionId>();
        round_trip::<EncodingId>();
        round_trip::<EnrollmentId>();
        round_trip::<FaceId>();
        round_trip::<ImageId>();
        round_trip::<PersonId>();
    }
}
