//! An image as it came in: measured before anything is kept of it.

use bytes::Bytes;
use vision::{ImageError, ImageHeader, ImageLimits};

use crate::idempotency;

/// What was uploaded, and what its header says.
pub struct Upload {
    /// Format and size.
    pub header: ImageHeader,
    /// Of the bytes, lower-case hexadecimal.
    pub sha256: String,
    /// The file.
    pub bytes: Bytes,
}

impl Upload {
    /// Reads the header and digests the bytes, beside the async runtime. Nothing is decoded.
    ///
    /// # Errors
    /// What is wrong with the image, as far as its header tells.
    pub async fn measure(bytes: Bytes, limits: ImageLimits) -> Result<Self, ImageError> {
        Self::measure_as(bytes, limits, ImageHeader::read).await
    }

    /// As [`Self::measure`], of a segmentation map.
    ///
    /// # Errors
    /// As [`Self::measure`].
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
        let broke_off = |_| ImageError::Invalid { reason: "reading its header broke off".into() };
        measuring.await.map_err(broke_off)?
    }

    /// Width in pixels, as a person sees it.
    #[must_use]
    pub fn width(&self) -> i32 {
        pixels(self.header.width)
    }

    /// Height in pixels, as a person sees it.
    #[must_use]
    pub fn height(&self) -> i32 {
        pixels(self.header.height)
    }
}

/// Bounded by the configured limits, far below the largest number of its type.
fn pixels(size: u32) -> i32 {
    i32::try_from(size).unwrap_or(i32::MAX)
}
