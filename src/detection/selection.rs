//! Selects which faces of an image a detection returns.

use entity::detection::Model;
use vision::DetectOptions;

use super::DetectionError;

/// Maximum number of faces that a request may ask for.
const MAX_FACES: i32 = 1000;

/// Limits of the returned faces.
#[derive(Clone, Copy, Debug)]
pub struct FaceSelection {
    /// Minimum confidence, 0 to 1; `None` uses the detector's default.
    pub min_confidence: Option<f64>,
    /// Maximum number of faces, largest first: 1 to 1,000.
    pub max_faces: i32,
}

impl FaceSelection {
    pub(super) fn check(self) -> Result<(), DetectionError> {
        if !self.min_confidence.is_none_or(|least| (0.0..=1.0).contains(&least)) {
            return Err(DetectionError::BadInput("minConfidence must be from 0 to 1".into()));
        }
        if !(1..=MAX_FACES).contains(&self.max_faces) {
            return Err(DetectionError::BadInput(format!("maxFaces must be from 1 to {MAX_FACES}")));
        }
        Ok(())
    }

    /// The engine's options for a stored detection.
    pub(super) fn of(row: &Model) -> DetectOptions {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "a confidence of 0 to 1, which the engine gives as f32"
        )]
        let min_confidence = row.min_confidence.map(|least| least as f32);
        DetectOptions { min_confidence, max_faces: usize::try_from(row.max_faces).ok() }
    }
}
