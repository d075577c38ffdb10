//! The requested appearance of a contour, and its stored form.

use serde::{Deserialize, Serialize};
use vision::contour::Style;

/// The requested appearance of a contour.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct ContourStyle {
    /// Style of the outlines and their fill.
    #[serde(flatten)]
    pub style: Style,
    /// Whether the image is embedded beneath the outlines.
    pub embeds_image: bool,
}

/// All parameters that affect the drawing. Stored with the contour.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct StoredStyle {
    #[serde(flatten)]
    pub(super) style: ContourStyle,
    /// Region parts with fewer pixels are not drawn.
    pub(super) least_area: u32,
}
