//! Typed ids: ids of different types cannot be confused. Stored as plain UUIDv7, shown as TypeIDs.

use sea_orm::prelude::Uuid;
use sea_orm::{DbErr, DeriveValueType, TryFromU64};
use serde::{Deserialize, Serialize};

/// An id of a certain type.
pub trait TypedId: From<Uuid> + Copy {
    /// Type prefix of the TypeID: `container` in `container_01h455vb4pex5vsknk084sn02q`.
    const PREFIX: &'static str;

    /// The id as the database stores it.
    fn uuid(self) -> Uuid;
}

/// An id of any type, together with the type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AnyId {
    /// Type prefix, see [`TypedId::PREFIX`].
    pub prefix: &'static str,
    /// The id as the database stores it.
    pub uuid: Uuid,
}

impl<T: TypedId> From<T> for AnyId {
    fn from(id: T) -> Self {
        Self { prefix: T::PREFIX, uuid: id.uuid() }
    }
}

macro_rules! typed_id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, DeriveValueType, Serialize, Deserialize,
        )]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl TypedId for $name {
            const PREFIX: &'static str = $prefix;

            fn uuid(self) -> Uuid {
                self.0
            }
        }

        impl From<Uuid> for $name {
            fn from(uuid: Uuid) -> Self {
                Self(uuid)
            }
        }

        impl TryFromU64 for $name {
            fn try_from_u64(_: u64) -> Result<Self, DbErr> {
                Err(DbErr::ConvertFromU64(stringify!($name)))
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(formatter)
            }
        }
    };
}

typed_id!(
    /// Id of a container.
    ContainerId,
    "container"
);
typed_id!(
    /// Id of an image in a container.
    ImageId,
    "image"
);
typed_id!(
    /// Id of the encoding of one face.
    EncodingId,
    "encoding"
);
typed_id!(
    /// Id of an enrolled person.
    PersonId,
    "person"
);
typed_id!(
    /// Id of an enrolled face of a person.
    FaceId,
    "face"
);
typed_id!(
    /// Id of a guided enrollment session.
    EnrollmentId,
    "enrollment"
);
typed_id!(
    /// Id of a detection.
    DetectionId,
    "detection"
);
typed_id!(
    /// Id of a contour.
    ContourId,
    "contour"
);
typed_id!(
    /// Id of an API key; does not reveal the key.
    ApiKeyId,
    "key"
);
typed_id!(
    /// Id of a job in the queue; not visible to clients.
    JobId,
    "job"
);

/// The owner of data. All tables, topics, jobs and blob paths are scoped to a tenant.
#[derive(Clone, Debug, PartialEq, Eq, Hash, DeriveValueType, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Tenant(String);

impl Tenant {
    /// Maximum length of a name, in bytes.
    pub const MAX_BYTES: usize = 63;

    /// Parses a tenant's name: 1 to 63 characters of `a-z`, `0-9`, `-` and `_`, so that it is safe in paths and logs.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        let fits = (1..=Self::MAX_BYTES).contains(&name.len());
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_".contains(&byte);
        (fits && name.bytes().all(plain)).then(|| Self(name.to_owned()))
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFromU64 for Tenant {
    fn try_from_u64(_: u64) -> Result<Self, DbErr> {
        Err(DbErr::ConvertFromU64("Tenant"))
    }
}

impl std::fmt::Display for Tenant {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.0)
    }
}
