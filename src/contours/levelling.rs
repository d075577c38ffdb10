//! What a contour says beside its drawing, as it is stored.

use entity::contour::Model;
use serde::{Deserialize, Serialize};

use super::ContourError;

/// How a face was levelled.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Levelling {
    /// Columns of the levelled picture.
    pub width: u32,
    /// Rows of the levelled picture.
    pub height: u32,
    /// What takes a place of the image to the levelled picture: x' = ax + cy + e, y' = bx + dy + f.
    pub transform: [f64; 6],
    /// Degrees by which the image was turned, clockwise.
    pub rotation_degrees: f64,
    /// Parts of regions that were too small to be drawn.
    pub dropped_specks: usize,
}

/// How the face was levelled; `None` until the contour is COMPLETED.
///
/// # Errors
/// When what is stored is not readable: a defect, or damage.
pub fn stored_levelling(row: &Model) -> Result<Option<Levelling>, ContourError> {
    let levelling = row.levelling.as_ref().map(Deserialize::deserialize).transpose();
    levelling.map_err(|error: serde_json::Error| ContourError::Internal(format!("a stored contour: {error}")))
}
