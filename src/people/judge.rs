//! Whether a picture shows one face, and shows it well.

use bytes::Bytes;
use entity::ids::FaceId;
use uuid::Uuid;
use vision::{DetectOptions, DetectedFace, EncodedFace, FaceQuality};

use super::{People, PeopleError, Rejection};
use crate::caller::Caller;
use crate::idempotency;
use crate::inference::{EncodeError, Urgency};

/// The largest face is taken when the next one has at most this share of its area: somebody in the background.
const LARGEST_SHARE_OF_NEXT: f32 = 0.25;

/// A face that may be enrolled.
#[derive(Clone, Debug)]
pub struct NewFace {
    /// The id that it gets.
    pub id: FaceId,
    /// SHA-256 of the picture.
    pub image_sha256: String,
    /// How well it can be seen.
    pub quality: FaceQuality,
    /// As the engine's model sees it.
    pub vector: Vec<f32>,
    /// Whether its aligned chip is kept, as the blob of its id.
    pub chip_kept: bool,
}

impl NewFace {
    /// Its id, when its chip is kept.
    #[must_use]
    pub fn kept_chip(&self) -> Option<FaceId> {
        self.chip_kept.then_some(self.id)
    }
}

/// What a picture shows: the quality of its one face, if there is one, and the face, if it is good.
pub struct Judged {
    /// SHA-256 of the picture, lower-case hexadecimal.
    pub image_sha256: String,
    /// Of the face, when there is exactly one.
    pub quality: Option<FaceQuality>,
    /// The face, or why it is none to enroll.
    pub face: Result<NewFace, Rejection>,
}

impl People {
    /// Judges a picture that is to be enrolled: exactly one face, and a good one. Its chip is stored when chips are to
    /// be kept; who does not enroll the face removes it.
    ///
    /// # Errors
    /// When the engine or the blob store does not work.
    pub async fn judge(
        &self,
        caller: &Caller,
        image: Bytes,
        urgency: Urgency,
    ) -> Result<Judged, PeopleError> {
        let image_sha256 = digest(image.clone()).await?;
        let refused =
            |quality, reason| Ok(Judged { image_sha256: image_sha256.clone(), quality, face: Err(reason) });
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
        Ok(Judged { image_sha256, quality: Some(quality), face: Ok(face) })
    }

    /// The face that a picture is about: its only one, or one that is much larger than all others.
    ///
    /// # Errors
    /// [`PeopleError::Rejected`] when there is none, or it is not clear which.
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

/// SHA-256 of a picture, off the runtime's threads.
pub(super) async fn digest(image: Bytes) -> Result<String, PeopleError> {
    let hashing = tokio::task::spawn_blocking(move || idempotency::digest(&image));
    hashing.await.map_err(|panic| PeopleError::Internal(format!("hashing a picture: {panic}")))
}
