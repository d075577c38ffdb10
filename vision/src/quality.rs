//! How well a face can be seen: scores that say whether a picture is good enough to enrol, and issues that tell a
//! person what to do better. Called by the engine for every face found.

use serde::{Deserialize, Serialize};

use crate::align::Chip;
use crate::detect::FoundFace;
use crate::geometry::{Landmarks, Point};
use crate::image::Picture;
use crate::pack::QualityScale;

/// How well a face can be seen. Scores go from 0 (useless) to 1 (ideal), linearly between values that the pack's
/// `[quality]` section gives; angles are in degrees.
///
/// The angles are estimated from the five landmarks. The tip of the nose stands out of the plane of eyes and mouth by
/// about half the distance between the eyes; turning the head moves it sideways against that plane, raising the head
/// moves it up. Noses differ and the camera is taken to be far away, so read the angles as to 10 or 15 degrees, and
/// beyond 45 only as "far".
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FaceQuality {
    /// The least of all scores, of that of the detector's confidence, and of the share of the face in the picture.
    pub overall: f32,
    /// From the variance of the Laplacian of the chip's luma: how strong its finest detail is.
    pub sharpness: f32,
    /// From the mean of the chip's luma: 1 over a wide middle, less towards black and towards white.
    pub brightness: f32,
    /// From the standard deviation of the chip's luma.
    pub contrast: f32,
    /// From the shorter side of the box, in pixels of the original picture.
    pub size: f32,
    /// From yaw and pitch, the worse of the two.
    pub frontality: f32,
    /// Degrees by which the face is turned to the side; positive when it looks to the right of the picture.
    pub yaw: f32,
    /// Degrees by which the face is raised; positive when it looks up.
    pub pitch: f32,
    /// Degrees by which the head is tilted in the plane of the picture; positive is clockwise.
    pub roll: f32,
    /// The scores that are too low, in words.
    pub issues: Vec<QualityIssue>,
}

/// What keeps a face from being seen well.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum QualityIssue {
    /// Too few pixels: come nearer.
    TooSmall,
    /// Out of focus, moved, or enlarged from a small picture.
    Blurred,
    /// Too little light on the face.
    TooDark,
    /// Too much light on the face.
    TooBright,
    /// Fog, backlight, or a flat print.
    LowContrast,
    /// Turned too far to the side, up or down.
    ExtremePose,
    /// The detector is not sure that this is a face.
    LowConfidence,
    /// A good part of the face lies outside of the picture.
    CutOff,
}

/// The scores below which a face has an issue, each from 0 to 1; `None` leaves it to the pack.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct LeastScores {
    /// Of [`FaceQuality::size`].
    pub size: Option<f32>,
    /// Of [`FaceQuality::sharpness`].
    pub sharpness: Option<f32>,
    /// Of [`FaceQuality::brightness`].
    pub brightness: Option<f32>,
    /// Of [`FaceQuality::contrast`].
    pub contrast: Option<f32>,
    /// Of [`FaceQuality::frontality`].
    pub frontality: Option<f32>,
    /// Of the detector's confidence, on the pack's scale.
    pub confidence: Option<f32>,
    /// Of the share of the face's box that lies in the picture.
    pub share_inside: Option<f32>,
}

/// The share of a face's box that must lie in the picture. It is this much because a detector squeezes the box of a face
/// that is cut into what is left of it: with a fifth of the face gone, about a twentieth of the box lies outside.
const MIN_SHARE_INSIDE: f32 = 0.95;

impl QualityScale {
    /// Judges a face. chip: the face as the encoder sees it, where the measures mean the same for every picture.
    pub(crate) fn judge(
        &self,
        least: &LeastScores,
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

/// What the luma of a chip says, in steps of 0 to 255.
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

/// Where a head is turned, in degrees: `tan(yaw) = sideways / nose height` and `tan(pitch) = upwards / nose height`, after
/// the tilt between the eyes (roll) is taken out. [`FaceQuality`] tells the idea and its limits.
#[derive(Debug, Clone, Copy)]
struct Pose {
    yaw: f32,
    pitch: f32,
    roll: f32,
}

/// How far the nose's tip stands out, and how far below the eyes it lies on the way to the mouth, in a frontal face.
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
        // Each axis is measured by what turning about the OTHER one leaves as it is.
        let sideways = (nose.x - mouth.x * drop) / landmarks.left_eye.distance(landmarks.right_eye);
        let upwards = (NOSE_DROP - drop) * FACE_HEIGHT;
        Self {
            yaw: (sideways / NOSE_HEIGHT).atan().to_degrees(),
            pitch: (upwards / NOSE_HEIGHT).atan().to_degrees(),
            roll: tilt.to_degrees(),
        }
    }
}
