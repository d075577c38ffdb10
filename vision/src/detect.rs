//! Finds the faces of a picture: their boxes, the confidence, and their five landmarks.

mod candidate;
mod canvas;
mod mtcnn;

use serde::{Deserialize, Serialize};

pub(crate) use self::mtcnn::Mtcnn;
use crate::geometry::{BoundingBox, Landmarks};
use crate::quality::FaceQuality;

/// A face in a picture. Coordinates are in pixels of the original picture.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DetectedFace {
    /// From forehead to chin; extends beyond the picture where the face does.
    pub bounding_box: BoundingBox,
    /// The detector's confidence that this is a face, 0 to 1.
    pub confidence: f32,
    /// Eyes, nose and mouth.
    pub landmarks: Landmarks,
    /// The quality of the face.
    pub quality: FaceQuality,
}

/// Which detected faces are returned. The default is every face that the detector accepts.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct DetectOptions {
    /// Minimum confidence, 0 to 1.
    pub min_confidence: Option<f32>,
    /// Maximum number of faces; the largest are kept.
    pub max_faces: Option<usize>,
}

/// A face before its quality is assessed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FoundFace {
    pub(crate) bounding_box: BoundingBox,
    pub(crate) confidence: f32,
    pub(crate) landmarks: Landmarks,
}

impl DetectOptions {
    /// Sorts faces by size, largest first, and removes those that are not requested.
    pub(crate) fn choose(&self, mut faces: Vec<FoundFace>) -> Vec<FoundFace> {
        faces.retain(|face| self.min_confidence.is_none_or(|least| face.confidence >= least));
        faces.sort_by(|a, b| b.bounding_box.area().total_cmp(&a.bounding_box.area()));
        faces.truncate(self.max_faces.unwrap_or(usize::MAX));
        faces
    }
}
