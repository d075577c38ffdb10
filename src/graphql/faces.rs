//! Faces as clients see them.

use async_graphql::{Enum, SimpleObject};
use serde::Serialize;

use crate::decimal::widen;

/// A rectangle in pixels of the image as a person sees it; may reach out of it at the edges.
#[derive(SimpleObject, Serialize)]
pub(super) struct BoundingBox {
    /// Left edge.
    x: f64,
    /// Top edge.
    y: f64,
    /// Width.
    width: f64,
    /// Height.
    height: f64,
}

/// A point in pixels of the image as a person sees it, from its top left corner.
#[derive(SimpleObject, Serialize)]
pub(super) struct Point {
    /// To the right.
    x: f64,
    /// Downwards.
    y: f64,
}

/// Five points: eye centres, nose tip, mouth corners; left and right as seen in the image.
#[derive(SimpleObject, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct FaceLandmarks {
    /// Centre of the eye on the left.
    left_eye: Point,
    /// Centre of the eye on the right.
    right_eye: Point,
    /// Tip of the nose.
    nose: Point,
    /// Corner of the mouth on the left.
    mouth_left: Point,
    /// Corner of the mouth on the right.
    mouth_right: Point,
}

/// Each score is 0 (unusable) to 1 (ideal); angles are degrees.
#[derive(SimpleObject, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct FaceQuality {
    /// The least of all scores.
    overall: f64,
    /// How sharp the face is.
    sharpness: f64,
    /// Neither too dark nor too bright.
    brightness: f64,
    /// How far light and dark are apart.
    contrast: f64,
    /// Whether the face has enough pixels.
    size: f64,
    /// How straight the face looks at the camera.
    frontality: f64,
    /// Turned left or right, in degrees; estimated from the landmarks.
    yaw: f64,
    /// Turned up or down, in degrees; estimated from the landmarks.
    pitch: f64,
    /// Tilted to a shoulder, in degrees.
    roll: f64,
    /// What is wrong with the face, if anything.
    issues: Vec<QualityIssue>,
}

/// What can be wrong with a face.
#[derive(Clone, Copy, PartialEq, Eq, Enum, Serialize)]
#[graphql(remote = "vision::QualityIssue")]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(super) enum QualityIssue {
    /// Too few pixels.
    TooSmall,
    /// Out of focus or moved.
    Blurred,
    /// Too little light.
    TooDark,
    /// Too much light.
    TooBright,
    /// Light and dark are too close.
    LowContrast,
    /// Turned too far away.
    ExtremePose,
    /// The detector is not sure that it is a face.
    LowConfidence,
    /// Reaches out of the image.
    CutOff,
}

/// What is said of two faces.
#[derive(Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "vision::MatchDecision")]
pub(super) enum MatchDecision {
    /// The same person.
    Match,
    /// Perhaps the same person; someone should look.
    Possible,
    /// Different people.
    NoMatch,
}

/// A face and where it is.
#[derive(SimpleObject, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DetectedFace {
    /// Around the face.
    #[graphql(name = "box")]
    #[serde(rename = "box")]
    bounding_box: BoundingBox,
    /// The detector's probability that it is a face, 0 to 1.
    confidence: f64,
    /// The five points.
    landmarks: FaceLandmarks,
    /// Whether the face can be trusted.
    quality: FaceQuality,
}

impl From<vision::Point> for Point {
    fn from(point: vision::Point) -> Self {
        Self { x: widen(point.x), y: widen(point.y) }
    }
}

impl From<vision::contour::Position> for Point {
    fn from(vision::contour::Position { x, y }: vision::contour::Position) -> Self {
        Self { x, y }
    }
}

impl From<vision::BoundingBox> for BoundingBox {
    fn from(area: vision::BoundingBox) -> Self {
        Self { x: widen(area.x), y: widen(area.y), width: widen(area.width), height: widen(area.height) }
    }
}

impl From<vision::Landmarks> for FaceLandmarks {
    fn from(landmarks: vision::Landmarks) -> Self {
        Self {
            left_eye: landmarks.left_eye.into(),
            right_eye: landmarks.right_eye.into(),
            nose: landmarks.nose.into(),
            mouth_left: landmarks.mouth_left.into(),
            mouth_right: landmarks.mouth_right.into(),
        }
    }
}

impl From<vision::FaceQuality> for FaceQuality {
    fn from(quality: vision::FaceQuality) -> Self {
        Self {
            overall: widen(quality.overall),
            sharpness: widen(quality.sharpness),
            brightness: widen(quality.brightness),
            contrast: widen(quality.contrast),
            size: widen(quality.size),
            frontality: widen(quality.frontality),
            yaw: widen(quality.yaw),
            pitch: widen(quality.pitch),
            roll: widen(quality.roll),
            issues: quality.issues.into_iter().map(QualityIssue::from).collect(),
        }
    }
}

impl From<vision::DetectedFace> for DetectedFace {
    fn from(face: vision::DetectedFace) -> Self {
        Self {
            bounding_box: face.bounding_box.into(),
            confidence: widen(face.confidence),
            landmarks: face.landmarks.into(),
            quality: face.quality.into(),
        }
    }
}
