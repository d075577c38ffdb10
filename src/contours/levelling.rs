//! What a contour says beside its drawing, as it is stored.

use entity::contour::Model;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use vision::contour::Region;

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
    read(row.levelling.as_ref())
}

/// The outlines, by label, ascending; none until the contour is COMPLETED.
///
/// # Errors
/// When what is stored is not readable: a defect, or damage.
pub fn stored_regions(row: &Model) -> Result<Vec<Region>, ContourError> {
    Ok(read(row.regions.as_ref())?.unwrap_or_default())
}

fn read<T: DeserializeOwned>(stored: Option<&serde_json::Value>) -> Result<Option<T>, ContourError> {
    let read = stored.map(T::deserialize).transpose();
    read.map_err(|error| ContourError::Internal(format!("a stored contour: {error}")))
}
