//! Checks that an image shows exactly one face of sufficient quality.

use bytes::Bytes;
use entity::ids::FaceId;
use uuid::Uuid;
use vision::{DetectOptions, DetectedFace, EncodedFace, FaceQuality};

use super::{People, PeopleError, Rejection};
use crate::access::caller::Caller;
use crate::images::upload::Hashed;
use crate::inference::{EncodeError, Urgency};

/// The largest face is used when the next largest has at most this share of its area, such as a bystander in the
/// background.
const LARGEST_SHARE_OF_NEXT: f32 = 0.25;

/// A face that passed the quality checks and can be enrolled.
#[derive(Clone, Debug)]
pub struct NewFace {
    /// Id of the face row once it is enrolled.
    pub id: FaceId,
    /// SHA-256 of the uploaded image, lower-case hexadecimal.
    pub image_sha256: String,
    /// Quality scores and issues.
    pub quality: FaceQuality,
    /// Template computed by the engine's model.
    pub vector: Vec<f32>,
    /// Whether the aligned chip is stored, as the blob with this id.
    pub chip_kept: bool,
}

impl NewFace {
    /// The id, if the chip is stored.
    #[must_use]
    pub fn kept_chip(&self) -> Option<FaceId> {
        self.chip_kept.then_some(self.id)
    }
}

/// The result of judging an image: the quality of its single face, and the face itself if it can be enrolled.
pub struct Assessed {
    /// SHA-256 of the image, lower-case hexadecimal.
    pub image_sha256: String,
    /// Quality of the face; `None` unless there is exactly one.
    pub quality: Option<FaceQuality>,
    /// The face, or the reason why it cannot be enrolled.
    pub face: Result<NewFace, Rejection>,
}

impl People {
    /// Judges an image for enrollment: it must show exactly one face of sufficient quality. The chip is stored if chips
    /// are retained; a caller that does not enroll the face must remove it.
    ///
    /// # Errors
    /// When the engine or the blob store fails.
    pub async fn assess(
        &self,
        caller: &Caller,
        image: Hashed,
        urgency: Urgency,
    ) -> Result<Assessed, PeopleError> {
        let Hashed { bytes: image, sha256: image_sha256 } = image;
        let refused =
            |quality, reason| Ok(Assessed { image_sha256: image_sha256.clone(), quality, face: Err(reason) });
        let mut faces = match self.engine.analyse(&caller.into(), image, at_most(2), urgency).await {
            Ok(faces) => faces,
            Err(EncodeError::Image(error)) => return refused(None, error.into()),
            Err(error) => return Err(error.into()),
        };
        if faces.len() > 1 {
            return refused(None, Rejection::MultipleFaces);
        }
        let Some(face) = faces.pop() else {
            return refused(None, Rejection::NoFace);
        };
        let EncodedFace { face: DetectedFace { quality, .. }, embedding, chip } = face;
        if !quality.issues.is_empty() {
            let reason = Rejection::PoorQuality { issues: quality.issues.clone() };
            return refused(Some(quality), reason);
        }
        let face = NewFace {
            id: FaceId(Uuid::now_v7()),
            image_sha256: image_sha256.clone(),
            quality: quality.clone(),
            vector: embedding.values().to_vec(),
            chip_kept: self.config.retain_chips,
        };
        if face.chip_kept {
            self.keep_chip(&caller.tenant, face.id, &chip).await?;
        }
        Ok(Assessed { image_sha256, quality: Some(quality), face: Ok(face) })
    }

    /// Returns the face that an image is about: its only face, or one that is much larger than all others.
    ///
    /// # Errors
    /// [`PeopleError::Rejected`] when there is no face or the choice is ambiguous.
    pub(super) async fn only_face(&self, caller: &Caller, image: Bytes) -> Result<EncodedFace, PeopleError> {
        let faces = self.engine.analyse(&caller.into(), image, at_most(2), Urgency::Urgent).await?;
        let mut faces = faces.into_iter();
        let area = |face: &EncodedFace| face.face.bounding_box.area();
        match (faces.next(), faces.next()) {
            (None, _) => Err(Rejection::NoFace.into()),
            (Some(face), Some(next)) if area(&next) > LARGEST_SHARE_OF_NEXT * area(&face) => {
                Err(Rejection::MultipleFaces.into())
            }
            (Some(face), _) => Ok(face),
        }
    }
}

fn at_most(faces: usize) -> DetectOptions {
    DetectOptions { max_faces: Some(faces), ..DetectOptions::default() }
}
