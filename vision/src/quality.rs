//! The quality of a face: scores that say whether it is good enough to enroll, and issues that tell a person what to
//! improve. Called by the engine for every detected face.

use serde::{Deserialize, Serialize};

use crate::align::Chip;
use crate::detect::FoundFace;
use crate::geometry::{Landmarks, Point};
use crate::image::Picture;
use crate::pack::QualityScale;

/// The quality of a face. Scores go from 0 (useless) to 1 (ideal), linearly between values in the pack's
/// `[quality]` section; angles are in degrees.
///
/// The angles are estimated from the five landmarks. The tip of the nose is in front of the plane of eyes and mouth by
/// about half the distance between the eyes; turning the head moves it sideways relative to that plane, raising the
/// head moves it up. Noses differ and the camera is assumed to be far away, so the angles are accurate to 10 or 15
/// degrees, and beyond 45 they only mean "far".
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FaceQuality {
    /// The minimum of all scores, of that of the detector's confidence, and of the fraction of the face inside the
    /// picture.
    pub overall: f32,
    /// From the variance of the Laplacian of the chip's luma: how strong its finest detail is.
    pub sharpness: f32,
    /// From the mean of the chip's luma: 1 over a wide middle range, less towards black and towards white.
    pub brightness: f32,
    /// From the standard deviation of the chip's luma.
    pub contrast: f32,
    /// From the shorter side of the box, in pixels of the original picture.
    pub size: f32,
    /// From yaw and pitch, the worse of the two.
    pub frontality: f32,
    /// Rotation of the head to the side in degrees; positive if it looks to the right of the picture.
    pub yaw: f32,
    /// Elevation of the head in degrees; positive if it looks up.
    pub pitch: f32,
    /// Tilt of the head in the plane of the picture in degrees; positive is clockwise.
    pub roll: f32,
    /// The issues whose scores are too low.
    pub issues: Vec<QualityIssue>,
}

/// A problem with the visibility of a face.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum QualityIssue {
    /// Too few pixels: move closer.
    TooSmall,
    /// Out of focus, blurred by motion, or enlarged from a small picture.
    Blurred,
    /// Too little light on the face.
    TooDark,
    /// Too much light on the face.
    TooBright,
    /// Low contrast: fog, backlight, or a flat print.
    LowContrast,
    /// Turned too far to the side, up or down.
    ExtremePose,
    /// The detector is not confident that this is a face.
    LowConfidence,
    /// A large part of the face is outside the picture.
    CutOff,
}

/// Thresholds below which a face has an issue, each from 0 to 1; `None` uses the pack's threshold.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct MinScores {
    /// For [`FaceQuality::size`].
    pub size: Option<f32>,
    /// For [`FaceQuality::sharpness`].
    pub sharpness: Option<f32>,
    /// For [`FaceQuality::brightness`].
    pub brightness: Option<f32>,
    /// For [`FaceQuality::contrast`].
    pub contrast: Option<f32>,
    /// For [`FaceQuality::frontality`].
    pub frontality: Option<f32>,
    /// For the detector's confidence, on the pack's scale.
    pub confidence: Option<f32>,
    /// For the fraction of the face's box inside the picture.
    pub share_inside: Option<f32>,
}

/// Default fraction of a face's box that must be inside the picture. It is this high because a detector squeezes the
/// box of a cropped face into what is left of it: with a fifth of the face missing, about a twentieth of the box lies
/// outside.
const MIN_SHARE_INSIDE: f32 = 0.95;

impl QualityScale {
    /// Assesses a face. chip: the encoder's chip, in which the measures are comparable for all pictures.
    pub(crate) fn judge(
        &self,
        least: &MinScores,
        face: &FoundFace,
        chip: &Chip,
        picture: &Picture,
    ) -> FaceQuality {
        let light = Light::of(chip);
        let pose = Pose::estimate(&face.landmarks);
        let dark = self.brightness_dark.score(light.mean);
        let bright = self.brightness_bright.score(light.mean);
        let inside =
            face.bounding_box.share_inside(picture.original_width() as f32, picture.original_height() as f32);
        let mut quality = FaceQuality {
            overall: 0.0,
            sharpness: self.sharpness.score(light.laplacian_variance),
            brightness: dark.min(bright),
            contrast: self.contrast.score(light.deviation),
            size: self.face_size.score(face.bounding_box.short_side()),
            frontality: self
                .yaw_degrees
                .score(pose.yaw.abs())
                .min(self.pitch_degrees.score(pose.pitch.abs())),
            yaw: pose.yaw,
            pitch: pose.pitch,
            roll: pose.roll,
            issues: Vec::new(),
        };
        let scores = [
            (quality.size, least.size, QualityIssue::TooSmall),
            (quality.sharpness, least.sharpness, QualityIssue::Blurred),
            (dark, least.brightness, QualityIssue::TooDark),
            (bright, least.brightness, QualityIssue::TooBright),
            (quality.contrast, least.contrast, QualityIssue::LowContrast),
            (quality.frontality, least.frontality, QualityIssue::ExtremePose),
            (self.confidence.score(face.confidence), least.confidence, QualityIssue::LowConfidence),
        ];
        quality.overall = scores.iter().map(|(score, ..)| *score).fold(inside, f32::min);
        let too_low =
            |(score, least, _): &&(f32, Option<f32>, _)| *score < least.unwrap_or(self.minimum_score);
        quality.issues = scores.iter().filter(too_low).map(|(.., issue)| *issue).collect();
        if inside < least.share_inside.unwrap_or(MIN_SHARE_INSIDE) {
            quality.issues.push(QualityIssue::CutOff);
        }
        quality
    }
}

/// Statistics of a chip's luma, in steps of 0 to 255.
#[derive(Debug, Clone, Copy)]
struct Light {
    mean: f32,
    deviation: f32,
    laplacian_variance: f32,
}

impl Light {
    fn of(chip: &Chip) -> Self {
        let side = chip.side() as usize;
        let luma: Vec<f32> = chip.pixels().as_chunks().0.iter().copied().map(luma).collect();
        let (mean, variance) = mean_and_variance(luma.iter().copied());
        let inner = 1..side.saturating_sub(1);
        let places = inner.clone().flat_map(|row| inner.clone().map(move |column| row * side + column));
        let laplacian =
            places.map(|at| luma[at - 1] + luma[at + 1] + luma[at - side] + luma[at + side] - 4.0 * luma[at]);
        let (_, laplacian_variance) = mean_and_variance(laplacian);
        Self { mean, deviation: variance.sqrt(), laplacian_variance }
    }
}

fn luma([red, green, blue]: [u8; 3]) -> f32 {
    0.299 * f32::from(red) + 0.587 * f32::from(green) + 0.114 * f32::from(blue)
}

fn mean_and_variance(values: impl Iterator<Item = f32>) -> (f32, f32) {
    let (mut count, mut sum, mut squares) = (0.0_f64, 0.0_f64, 0.0_f64);
    for value in values.map(f64::from) {
        count += 1.0;
        sum += value;
        squares += value * value;
    }
    let mean = sum / count.max(1.0);
    (mean as f32, (squares / count.max(1.0) - mean * mean).max(0.0) as f32)
}

/// The orientation of a head in degrees: `tan(yaw) = sideways / nose height` and `tan(pitch) = upwards / nose height`,
/// after the tilt between the eyes (roll) is removed. [`FaceQuality`] explains the idea and its limits.
#[derive(Debug, Clone, Copy)]
struct Pose {
    yaw: f32,
    pitch: f32,
    roll: f32,
}

/// How far the tip of the nose protrudes, and how far below the eyes it is on the way to the mouth, in a frontal face.
const NOSE_HEIGHT: f32 = 0.5;
const NOSE_DROP: f32 = 0.58;
/// From the eyes to the mouth, in distances between the eyes.
const FACE_HEIGHT: f32 = 1.06;

impl Pose {
    fn estimate(landmarks: &Landmarks) -> Self {
        let eyes = landmarks.left_eye.midpoint(landmarks.right_eye);
        let mouth = landmarks.mouth_left.midpoint(landmarks.mouth_right);
        let tilt = (landmarks.right_eye.y - landmarks.left_eye.y)
            .atan2(landmarks.right_eye.x - landmarks.left_eye.x);
        let upright = |point: Point| {
            let (x, y) = (point.x - eyes.x, point.y - eyes.y);
            Point::new(x * tilt.cos() + y * tilt.sin(), y * tilt.cos() - x * tilt.sin())
        };
        let (nose, mouth) = (upright(landmarks.nose), upright(mouth));
        let drop = nose.y / mouth.y;
        // Each axis is measured by what rotating about the OTHER one does not change.
        let sideways = (nose.x - mouth.x * drop) / landmarks.left_eye.distance(landmarks.right_eye);
        let upwards = (NOSE_DROP - drop) * FACE_HEIGHT;
        Self {
            yaw: (sideways / NOSE_HEIGHT).atan().to_degrees(),
            pitch: (upwards / NOSE_HEIGHT).atan().to_degrees(),
            roll: tilt.to_degrees(),
        }
    }
}
