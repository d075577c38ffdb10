//! An uploaded image, measured before anything is stored.

use bytes::Bytes;
use vision::{ImageError, ImageHeader, ImageLimits};

use crate::store::error::StoreError;
use crate::store::idempotency;

/// Bytes with their digest, which is computed once.
#[derive(Clone, Debug)]
pub struct Hashed {
    /// The file.
    pub bytes: Bytes,
    /// SHA-256 of the bytes, lower-case hexadecimal.
    pub sha256: String,
}

impl Hashed {
    /// Hashes `bytes` off the async runtime's threads.
    ///
    /// # Errors
    /// [`StoreError::Internal`] when hashing panicked.
    pub async fn of(bytes: Bytes) -> Result<Self, StoreError> {
        let hashing =
            tokio::task::spawn_blocking(move || Self { sha256: idempotency::digest(&bytes), bytes });
        hashing.await.map_err(|panic| StoreError::Internal(format!("hashing an image: {panic}")))
    }
}

/// What was uploaded, and what its header says.
pub struct Upload {
    /// Format and size.
    pub header: ImageHeader,
    /// SHA-256 of the bytes, lower-case hexadecimal.
    pub sha256: String,
    /// Content of the file.
    pub bytes: Bytes,
}

impl Upload {
    /// Reads the header and computes the digest on a blocking thread. Does not decode the image.
    ///
    /// # Errors
    /// When the image is invalid, as far as its header shows.
    pub async fn measure(bytes: Bytes, limits: ImageLimits) -> Result<Self, ImageError> {
        Self::measure_as(bytes, limits, ImageHeader::read).await
    }

    /// Like [`Self::measure`], for a segmentation map.
    ///
    /// # Errors
    /// Same as [`Self::measure`].
    pub async fn measure_map(bytes: Bytes, limits: ImageLimits) -> Result<Self, ImageError> {
        Self::measure_as(bytes, limits, ImageHeader::read_map).await
    }

    async fn measure_as(
        bytes: Bytes,
        limits: ImageLimits,
        read: fn(&[u8], &ImageLimits) -> Result<ImageHeader, ImageError>,
    ) -> Result<Self, ImageError> {
        let measuring = tokio::task::spawn_blocking(move || {
            let header = read(&bytes, &limits)?;
            let sha256 = idempotency::digest(&bytes);
            Ok(Self { header, sha256, bytes })
        });
        let broke_off = |_| ImageError::Invalid { reason: "reading its header failed".into() };
        measuring.await.map_err(broke_off)?
    }

    /// Displayed width in pixels, after the orientation is applied.
    #[must_use]
    pub fn width(&self) -> i32 {
        pixels(self.header.width)
    }

    /// Displayed height in pixels, after the orientation is applied.
    #[must_use]
    pub fn height(&self) -> i32 {
        pixels(self.header.height)
    }
}

/// The configured limits are far below the maximum of the type.
fn pixels(size: u32) -> i32 {
    i32::try_from(size).unwrap_or(i32::MAX)
}
