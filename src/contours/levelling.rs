//! Stored results of a contour besides its drawing.

use entity::contour::Model;
use serde::{Deserialize, Serialize};

use super::ContourError;

/// How a face was levelled.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Levelling {
    /// Width of the levelled image in pixels.
    pub width: u32,
    /// Height of the levelled image in pixels.
    pub height: u32,
    /// Maps a position in the image to the levelled image: x' = ax + cy + e, y' = bx + dy + f.
    pub transform: [f64; 6],
    /// Clockwise rotation of the image in degrees.
    pub rotation_degrees: f64,
    /// Number of region parts that were too small to be drawn.
    pub dropped_specks: usize,
}

/// How the face was levelled; `None` until the contour is COMPLETED.
///
/// # Errors
/// When the stored JSON cannot be read, because of a bug or corruption.
pub fn stored_levelling(row: &Model) -> Result<Option<Levelling>, ContourError> {
    let levelling = row.levelling.as_ref().map(Deserialize::deserialize).transpose();
    levelling.map_err(|error: serde_json::Error| ContourError::internal(format!("a stored contour: {error}")))
}
