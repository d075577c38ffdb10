//! Images as arguments, and what background work says of them.

use async_graphql::{
    Context, InputValueError, InputValueResult, OneofObject, Scalar, ScalarType, SimpleObject, Value,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;

use super::context::ContextExt;
use super::{ApiError, ErrorCode, Limits};
use crate::failure::ImageFailure;

/// Exactly one source of image bytes.
#[derive(OneofObject)]
pub(super) enum ImageInput {
    /// A file part of a GraphQL multipart request.
    Upload(FileIndex),
    /// Standard base64, with or without a data: URL prefix.
    Base64(String),
}

impl ImageInput {
    /// The bytes; whether they are an image is for the domain to see.
    pub(super) async fn bytes(self, context: &Context<'_>) -> Result<Bytes, ApiError> {
        let limit = context.part::<Limits>()?.max_upload_bytes;
        match self {
            Self::Upload(FileIndex(index)) => {
                let file = context.query_env.uploads.get(index).map(|file| file.content.clone());
                let missing =
                    || ApiError::new(ErrorCode::NoImage, "the request has no file for this variable");
                file.ok_or_else(missing)
            }
            Self::Base64(text) => {
                let decoding = tokio::task::spawn_blocking(move || decode(&text, limit));
                decoding.await.map_err(ApiError::internal)?
            }
        }
    }
}

/// The place of a file among those of its request. Where async-graphql's own type breaks off at a forged place, this
/// one is an error.
#[derive(Clone, Copy)]
pub(super) struct FileIndex(usize);

/// A multipart file upload
#[Scalar(name = "Upload", specified_by_url = "https://github.com/jaydenseric/graphql-multipart-request-spec")]
impl ScalarType for FileIndex {
    fn parse(value: Value) -> InputValueResult<Self> {
        // `async_graphql::Request::set_upload` writes such a text in place of each file's variable.
        let index = match &value {
            Value::String(text) => {
                text.strip_prefix("#__graphql_file__:").and_then(|index| index.parse().ok())
            }
            _ => None,
        };
        index.map(Self).ok_or_else(|| InputValueError::expected_type(value))
    }

    fn to_value(&self) -> Value {
        Value::Null
    }
}

/// Why background work on an image failed.
#[derive(SimpleObject)]
pub(super) struct ImageError {
    /// For programs.
    code: ErrorCode,
    /// For people.
    message: String,
}

impl ImageError {
    /// As it is stored with what failed; `None` where nothing has.
    pub(super) fn stored(failure: Option<&str>, message: Option<&str>) -> Option<Self> {
        let code = ImageFailure::from_name(failure?).into();
        Some(Self { code, message: message.unwrap_or_default().to_owned() })
    }
}

fn decode(text: &str, limit: u64) -> Result<Bytes, ApiError> {
    let data = match text.strip_prefix("data:") {
        Some(url) => url.split_once(";base64,").map(|(_type, data)| data).ok_or_else(not_base64)?,
        None => text,
    };
    let bytes = data.len() as u64 / 4 * 3;
    // Two padding characters may stand for nothing.
    if bytes > limit + 2 {
        return Err(vision::ImageError::TooManyBytes { bytes, limit }.into());
    }
    STANDARD.decode(data).map(Bytes::from).map_err(|_| not_base64())
}

fn not_base64() -> ApiError {
    ApiError::new(ErrorCode::InvalidImage, "base64 is not standard base64, nor a data: URL of it")
}
