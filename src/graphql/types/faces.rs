//! Schema types of detected faces, their quality and match decisions.

use async_graphql::{Enum, SimpleObject};
use serde::Serialize;

use crate::inference::decimal::widen;

/// A rectangle in pixels of the image after its EXIF orientation is applied. It may extend beyond the edges of the
/// image.
#[derive(SimpleObject, Serialize)]
pub(in crate::graphql) struct BoundingBox {
    /// X coordinate of the left edge, in pixels; negative if outside of the image.
    x: f64,
    /// Y coordinate of the top edge, in pixels; negative if outside of the image.
    y: f64,
    /// Width in pixels.
    width: f64,
    /// Height in pixels.
    height: f64,
}

/// A point in pixels of the image, from its top left corner. For an uploaded image, its EXIF orientation is applied
/// first.
#[derive(SimpleObject, Serialize)]
pub(in crate::graphql) struct Point {
    /// Distance from the left edge, in pixels.
    x: f64,
    /// Distance from the top edge, in pixels.
    y: f64,
}

/// Five points: eye centers, nose tip and mouth corners. Left and right are as seen in the image, not from the person's
/// view.
#[derive(SimpleObject, Serialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::graphql) struct FaceLandmarks {
    /// Center of the eye on the left of the image.
    left_eye: Point,
    /// Center of the eye on the right of the image.
    right_eye: Point,
    /// Tip of the nose.
    nose: Point,
    /// Corner of the mouth on the left of the image.
    mouth_left: Point,
    /// Corner of the mouth on the right of the image.
    mouth_right: Point,
}

/// Quality of a face for recognition. Each score is from 0 (unusable) to 1 (ideal). Angles are in degrees, estimated
/// from the five landmarks and accurate to 10 or 15 degrees.
#[derive(SimpleObject, Serialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::graphql) struct FaceQuality {
    /// The minimum of all scores, of the detector's confidence, and of the share of the face inside the image; 0 to 1.
    overall: f64,
    /// Score of the sharpness of the face's detail, 0 to 1.
    sharpness: f64,
    /// Score of the mean brightness, 0 to 1; low if too dark or too bright.
    brightness: f64,
    /// Score of the contrast between light and dark, 0 to 1.
    contrast: f64,
    /// Score of the size of the face in pixels (shorter side of its box), 0 to 1.
    size: f64,
    /// Score of the pose, the worse of yaw and pitch, 0 to 1; 1 means facing the camera.
    frontality: f64,
    /// Rotation to the side in degrees; positive if the face looks to the right of the image.
    yaw: f64,
    /// Rotation up or down in degrees; positive if the face looks up.
    pitch: f64,
    /// Tilt in the plane of the image in degrees; positive is clockwise.
    roll: f64,
    /// Scores that are too low for enrollment; empty if the face is good enough.
    issues: Vec<QualityIssue>,
}

/// A reason why the quality of a face is too low.
#[derive(Clone, Copy, PartialEq, Eq, Enum, Serialize)]
#[graphql(remote = "vision::QualityIssue")]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(in crate::graphql) enum QualityIssue {
    /// The face has too few pixels: move closer.
    TooSmall,
    /// The face is out of focus, blurred by motion, or enlarged from a small image.
    Blurred,
    /// Too little light on the face.
    TooDark,
    /// Too much light on the face.
    TooBright,
    /// Too little contrast between light and dark, as with fog, backlight or a flat print.
    LowContrast,
    /// The face is turned too far to the side, up or down.
    ExtremePose,
    /// The detector's confidence that this is a face is low.
    LowConfidence,
    /// Part of the face lies outside of the image.
    CutOff,
}

/// Decision of a comparison of two faces.
#[derive(Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "vision::MatchDecision")]
pub(in crate::graphql) enum MatchDecision {
    /// The distance is within the MATCH threshold: the same person.
    Match,
    /// The distance is between the two thresholds: perhaps the same person, to be reviewed by a person.
    Possible,
    /// The distance is beyond the POSSIBLE threshold: different people.
    NoMatch,
}

/// A face detected in an image.
#[derive(SimpleObject, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DetectedFace {
    /// Bounding box of the face.
    #[graphql(name = "box")]
    #[serde(rename = "box")]
    bounding_box: BoundingBox,
    /// Confidence of the detector that this is a face, 0 to 1.
    confidence: f64,
    /// Positions of eyes, nose and mouth.
    landmarks: FaceLandmarks,
    /// Quality of the face for recognition.
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
