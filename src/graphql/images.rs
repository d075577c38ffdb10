//! Image bytes as an argument.

use async_graphql::{Context, OneofObject, Upload};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use vision::ImageError;

use super::context::ContextExt;
use super::{ApiError, ErrorCode, Limits};

/// Exactly one source of image bytes.
#[derive(OneofObject)]
pub(super) enum ImageInput {
    /// A file part of a GraphQL multipart request.
    Upload(Upload),
    /// Standard base64, with or without a data: URL prefix.
    Base64(String),
}

impl ImageInput {
    /// The bytes; whether they are an image is for the domain to see.
    pub(super) async fn bytes(self, context: &Context<'_>) -> Result<Bytes, ApiError> {
        let limit = context.part::<Limits>()?.max_upload_bytes;
        match self {
            Self::Upload(upload) => match upload.value(context) {
                Ok(value) => Ok(value.content),
                Err(_) => Err(ApiError::new(ErrorCode::NoImage, "the request has no file for this variable")),
            },
            Self::Base64(text) => {
                let decoding = tokio::task::spawn_blocking(move || decode(&text, limit));
                decoding.await.map_err(ApiError::internal)?
            }
        }
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
        return Err(ImageError::TooManyBytes { bytes, limit }.into());
    }
    STANDARD.decode(data).map(Bytes::from).map_err(|_| not_base64())
}

fn not_base64() -> ApiError {
    ApiError::new(ErrorCode::InvalidImage, "base64 is not standard base64, nor a data: URL of it")
}
