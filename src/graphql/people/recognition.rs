//! Mutations that recognize faces: verification (1:1), identification (1:N) and comparison of two images.

use async_graphql::{Context, InputObject, Object, SimpleObject};

use super::{Face, Person, PersonRefInput};
use crate::graphql::ApiError;
use crate::graphql::context::ContextExt;
use crate::graphql::execution::complexity;
use crate::graphql::types::faces::{DetectedFace, MatchDecision};
use crate::graphql::types::images::ImageInput;
use crate::inference::decimal::widen;
use crate::people::{self, People, SearchLimits};

#[derive(Default)]
pub(in crate::graphql) struct RecognitionMutation;

#[Object]
impl RecognitionMutation {
    /// Verification (1:1): compares the face in an image with the faces of a person. The image is not stored. Errors:
    /// those of `ImageInput`, `NOT_FOUND` for an unknown person or one without faces, `MODEL_MISMATCH`, `NO_FACE`,
    /// `MULTIPLE_FACES`, `BAD_USER_INPUT`, `ENGINE_UNAVAILABLE`.
    #[graphql(complexity = "complexity::look(1, child_complexity)")]
    async fn verify_person(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The person and the probe image.")] input: VerifyPersonInput,
    ) -> Result<VerifyPersonPayload, ApiError> {
        let caller = context.reader()?;
        let (who, image) = (input.person.target(context)?, input.image.bytes(context).await?);
        let verified = context.part::<People>()?.verify(caller, &who, image).await?;
        Ok(VerifyPersonPayload {
            person: Person(verified.person),
            score: verified.score.into(),
            face: verified.face.into(),
        })
    }

    /// Identification (1:N): searches a gallery for the face in an image. The image is not stored. Errors: those of
    /// `ImageInput`, `NO_FACE`, `MULTIPLE_FACES`, `BAD_USER_INPUT`, `ENGINE_UNAVAILABLE`.
    #[graphql(complexity = "complexity::look(1, child_complexity)")]
    async fn identify_person(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The gallery and the probe image.")] input: IdentifyPersonInput,
    ) -> Result<IdentifyPersonPayload, ApiError> {
        let caller = context.reader()?;
        let limits = SearchLimits { top_k: input.top_k, min_similarity: input.min_similarity };
        let image = input.image.bytes(context).await?;
        let people = context.part::<People>()?;
        let (found, searched) = people.identify(caller, &input.gallery, image, limits).await?;
        let IdentifiedFace { face, candidates } = found.into();
        Ok(IdentifyPersonPayload { candidates, face, searched_faces: searched })
    }

    /// Identification (1:N) of every face in one image, such as a group photo or a webcam frame. The image is not
    /// stored. Errors: those of `ImageInput`, `NO_FACE`, `BAD_USER_INPUT`, `ENGINE_UNAVAILABLE`.
    #[graphql(complexity = "complexity::look(1, child_complexity)")]
    async fn identify_faces(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The gallery and the probe image.")] input: IdentifyFacesInput,
    ) -> Result<IdentifyFacesPayload, ApiError> {
        let caller = context.reader()?;
        let limits = SearchLimits { top_k: input.top_k, min_similarity: input.min_similarity };
        let image = input.image.bytes(context).await?;
        let people = context.part::<People>()?;
        let (found, searched) =
            people.identify_all(caller, &input.gallery, image, limits, input.max_faces).await?;
        let faces = found.into_iter().map(IdentifiedFace::from).collect();
        Ok(IdentifyFacesPayload { faces, searched_faces: searched })
    }

    /// Compares (1:1) the faces in two images. The images are not stored. Errors: those of `ImageInput`, `NO_FACE`,
    /// `MULTIPLE_FACES`, `ENGINE_UNAVAILABLE`.
    #[graphql(complexity = "complexity::look(2, child_complexity)")]
    async fn compare_faces(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The two images.")] input: CompareFacesInput,
    ) -> Result<CompareFacesPayload, ApiError> {
        let caller = context.reader()?;
        let (source, target) =
            futures_util::try_join!(input.source.bytes(context), input.target.bytes(context))?;
        let compared = context.part::<People>()?.compare(caller, source, target).await?;
        Ok(CompareFacesPayload {
            score: compared.score.into(),
            source_face: compared.source.into(),
            target_face: compared.target.into(),
        })
    }
}

/// Result of comparing two faces. `similarity` maps the model's `distance` to 0..1 with the MATCH threshold for 1:1 at
/// 0.5, so that it has the same meaning for all models.
#[derive(SimpleObject)]
struct MatchScore {
    /// Similarity from 0 to 1; 0.5 is the model's MATCH threshold for 1:1. Not a probability.
    similarity: f64,
    /// Distance by the model's metric, 0 or more; smaller means more similar.
    distance: f64,
    /// Decision by the model's thresholds. Those for identification (1:N) are stricter than those for verification and
    /// comparison (1:1).
    decision: MatchDecision,
}

/// A person and a probe image.
#[derive(InputObject)]
struct VerifyPersonInput {
    /// The claimed person.
    person: PersonRefInput,
    /// An image with one face, or with one that is much larger than all others (at least 4 times the area of the next).
    image: ImageInput,
}

/// Result of `verifyPerson`.
#[derive(SimpleObject)]
struct VerifyPersonPayload {
    /// The person compared with.
    person: Person,
    /// Comparison with the most similar of the person's faces.
    #[graphql(name = "match")]
    score: MatchScore,
    /// The face in the probe image.
    face: DetectedFace,
}

/// A gallery and a probe image of one person.
#[derive(InputObject)]
struct IdentifyPersonInput {
    /// Name of the gallery to search, 1 to 255 characters; an unknown one is empty.
    #[graphql(default = "default")]
    gallery: String,
    /// An image with one face, or with one that is much larger than all others (at least 4 times the area of the next).
    image: ImageInput,
    /// Maximum number of candidates, 1 to 100.
    #[graphql(default = 5)]
    top_k: i32,
    /// Minimum similarity of a candidate, 0 to 1. By default, that of the POSSIBLE threshold for 1:N. A lower value
    /// also returns people with the decision `NO_MATCH`.
    min_similarity: Option<f64>,
}

/// Result of `identifyPerson`.
#[derive(SimpleObject)]
struct IdentifyPersonPayload {
    /// Candidates, most similar first, each person once; empty if no one is similar enough.
    candidates: Vec<Candidate>,
    /// The face in the probe image.
    face: DetectedFace,
    /// Number of enrolled faces that the face was compared with.
    searched_faces: usize,
}

/// A gallery and a probe image of one or more people.
#[derive(InputObject)]
struct IdentifyFacesInput {
    /// Name of the gallery to search, 1 to 255 characters; an unknown one is empty.
    #[graphql(default = "default")]
    gallery: String,
    /// An image with at least one face.
    image: ImageInput,
    /// Maximum number of candidates for each face, 1 to 100.
    #[graphql(default = 1)]
    top_k: i32,
    /// Minimum similarity of a candidate, 0 to 1. By default, that of the POSSIBLE threshold for 1:N.
    min_similarity: Option<f64>,
    /// Maximum number of faces to identify, largest first; 1 to 100.
    #[graphql(default = 20)]
    max_faces: i32,
}

/// Result of `identifyFaces`.
#[derive(SimpleObject)]
struct IdentifyFacesPayload {
    /// The identified faces, largest first.
    faces: Vec<IdentifiedFace>,
    /// Number of enrolled faces that each face was compared with.
    searched_faces: usize,
}

/// A face in the probe image and its candidates.
#[derive(SimpleObject)]
struct IdentifiedFace {
    /// The face in the probe image.
    face: DetectedFace,
    /// Candidates, most similar first, each person once; empty if no one is similar enough.
    candidates: Vec<Candidate>,
}

/// A person who resembles the probe face.
#[derive(SimpleObject)]
struct Candidate {
    /// The candidate.
    person: Person,
    /// Comparison with the most similar of the person's faces.
    #[graphql(name = "match")]
    score: MatchScore,
    /// The most similar of the person's faces.
    face: Face,
}

/// Two images.
#[derive(InputObject)]
struct CompareFacesInput {
    /// An image with one face, or with one that is much larger than all others (at least 4 times the area of the next).
    source: ImageInput,
    /// The second image, under the same condition as `source`.
    target: ImageInput,
}

/// Result of `compareFaces`.
#[derive(SimpleObject)]
struct CompareFacesPayload {
    /// Comparison of the two faces.
    #[graphql(name = "match")]
    score: MatchScore,
    /// The face in `source`.
    source_face: DetectedFace,
    /// The face in `target`.
    target_face: DetectedFace,
}

impl From<people::MatchScore> for MatchScore {
    fn from(score: people::MatchScore) -> Self {
        Self {
            similarity: widen(score.similarity),
            distance: widen(score.distance),
            decision: score.decision.into(),
        }
    }
}

impl From<people::Identified> for IdentifiedFace {
    fn from(identified: people::Identified) -> Self {
        let candidates = identified.candidates.into_iter().map(Candidate::from).collect();
        Self { face: identified.face.into(), candidates }
    }
}

impl From<people::Candidate> for Candidate {
    fn from(candidate: people::Candidate) -> Self {
        let people::Candidate { person, face, score } = candidate;
        Self { person: Person(person), score: score.into(), face: Face(face) }
    }
}
