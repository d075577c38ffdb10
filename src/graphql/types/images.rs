//! Images as arguments, and the errors of background work on them.

use async_graphql::{
    Context, InputValueError, InputValueResult, OneofObject, Scalar, ScalarType, SimpleObject, Value,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;

use crate::graphql::context::ContextExt;
use crate::graphql::{ApiError, ErrorCode, Limits};
use crate::images::failure::ImageFailure;

/// Exactly one source of an image file: JPEG, PNG, WebP, GIF (first frame only) or BMP. A file that cannot be used is
/// reported as `NO_IMAGE`, `PAYLOAD_TOO_LARGE`, `UNSUPPORTED_IMAGE`, `IMAGE_TOO_LARGE` or `INVALID_IMAGE`.
#[derive(OneofObject)]
pub(in crate::graphql) enum ImageInput {
    /// A file of a GraphQL multipart request.
    Upload(FileIndex),
    /// The file in standard base64 with padding, or as a base64 `data:` URL.
    Base64(String),
}

impl ImageInput {
    /// The bytes, which the domain checks to be an image.
    pub(in crate::graphql) async fn bytes(self, context: &Context<'_>) -> Result<Bytes, ApiError> {
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

/// Index of a file among those of its request. async-graphql's own type panics on a forged index; this one returns an
/// error.
#[derive(Clone, Copy)]
pub(in crate::graphql) struct FileIndex(usize);

/// A file of a multipart request, sent as the GraphQL multipart request specification defines.
#[Scalar(name = "Upload", specified_by_url = "https://github.com/jaydenseric/graphql-multipart-request-spec")]
impl ScalarType for FileIndex {
    fn parse(value: Value) -> InputValueResult<Self> {
        // `async_graphql::Request::set_upload` puts such a string in place of each file's variable.
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

/// Why a background job failed.
#[derive(SimpleObject)]
pub(in crate::graphql) struct ImageError {
    /// Machine-readable reason.
    code: ErrorCode,
    /// Reason as text for people.
    message: String,
}

impl ImageError {
    /// Reads the stored failure; `None` if there is none.
    pub(in crate::graphql) fn stored(failure: Option<&str>, message: Option<&str>) -> Option<Self> {
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
    // Up to two padding characters encode no bytes.
    if bytes > limit + 2 {
        return Err(vision::ImageError::TooManyBytes { bytes, limit }.into());
    }
    STANDARD.decode(data).map(Bytes::from).map_err(|_| not_base64())
}

fn not_base64() -> ApiError {
    ApiError::new(ErrorCode::InvalidImage, "base64 is neither standard base64 nor a base64 data: URL")
}
