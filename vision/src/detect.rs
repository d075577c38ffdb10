//! Finds the faces of a picture: where they are, how sure that is, and their five landmarks.

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
    /// From forehead to chin; reaches out of the picture where the face does.
    pub bounding_box: BoundingBox,
    /// How sure the detector is that this is a face, 0 to 1.
    pub confidence: f32,
    /// Eyes, nose and mouth.
    pub landmarks: Landmarks,
    /// How well the face can be seen.
    pub quality: FaceQuality,
}

/// Which of the faces found are wanted. The default is all that the detector believes in.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct DetectOptions {
    /// Faces below this confidence, 0 to 1, are left out.
    pub min_confidence: Option<f32>,
    /// At most this many faces, the largest first.
    pub max_faces: Option<usize>,
}

/// A face before it is judged.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FoundFace {
    pub(crate) bounding_box: BoundingBox,
    pub(crate) confidence: f32,
    pub(crate) landmarks: Landmarks,
}

impl DetectOptions {
    /// Sorts faces by size, largest first, and leaves out what is not wanted.
    pub(crate) fn choose(&self, mut faces: Vec<FoundFace>) -> Vec<FoundFace> {
        faces.retain(|face| self.min_confidence.is_none_or(|least| face.confidence >= least));
        faces.sort_by(|a, b| b.bounding_box.area().total_cmp(&a.bounding_box.area()));
        faces.truncate(self.max_faces.unwrap_or(usize::MAX));
        faces
    }
}
