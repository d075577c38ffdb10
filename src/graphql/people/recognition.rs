//! Whose face is it?

use async_graphql::{Context, InputObject, Object, SimpleObject};

use super::{Face, Person, PersonRefInput};
use crate::decimal::widen;
use crate::graphql::ApiError;
use crate::graphql::context::ContextExt;
use crate::graphql::cost;
use crate::graphql::faces::{DetectedFace, MatchDecision};
use crate::graphql::images::ImageInput;
use crate::people::{self, People, SearchLimits};

#[derive(Default)]
pub(in crate::graphql) struct RecognitionMutation;

#[Object]
impl RecognitionMutation {
    /// 1:1, is this face that person?
    #[graphql(complexity = "cost::look(1, child_complexity)")]
    async fn verify_person(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Whom, and the picture.")] input: VerifyPersonInput,
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

    /// 1:N, who in the gallery is this?
    #[graphql(complexity = "cost::look(1, child_complexity)")]
    async fn identify_person(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Where to look, and the picture.")] input: IdentifyPersonInput,
    ) -> Result<IdentifyPersonPayload, ApiError> {
        let caller = context.reader()?;
        let limits = SearchLimits { top_k: input.top_k, min_similarity: input.min_similarity };
        let image = input.image.bytes(context).await?;
        let people = context.part::<People>()?;
        let (found, searched) = people.identify(caller, &input.gallery, image, limits).await?;
        let IdentifiedFace { face, candidates } = found.into();
        Ok(IdentifyPersonPayload { candidates, face, searched_faces: searched })
    }

    /// 1:N for every face of one picture, largest first: a group photo, a webcam frame.
    #[graphql(complexity = "cost::look(1, child_complexity)")]
    async fn identify_faces(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Where to look, and the picture.")] input: IdentifyFacesInput,
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

    /// 1:1 between two images; nothing is stored.
    #[graphql(complexity = "cost::look(2, child_complexity)")]
    async fn compare_faces(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The two pictures.")] input: CompareFacesInput,
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

/// How alike two faces are. distance is the model's own metric (smaller is more alike); similarity maps it to 0..1
/// with the model's MATCH threshold at 0.5, so that the number reads the same across models.
#[derive(SimpleObject)]
struct MatchScore {
    /// 0 to 1; 0.5 is the model's MATCH threshold for one to one.
    similarity: f64,
    /// By the model's own metric; smaller is more alike.
    distance: f64,
    /// What to make of it. Among many people a MATCH needs to be nearer than between two.
    decision: MatchDecision,
}

/// A person, and a picture.
#[derive(InputObject)]
struct VerifyPersonInput {
    /// Who it is said to be.
    person: PersonRefInput,
    /// A picture of one face, or of one that is much larger than all others.
    image: ImageInput,
}

/// Whether it is that person.
#[derive(SimpleObject)]
struct VerifyPersonPayload {
    /// The person.
    person: Person,
    /// By the person's nearest face.
    #[graphql(name = "match")]
    score: MatchScore,
    /// The face in the picture.
    face: DetectedFace,
}

/// A gallery, and a picture of somebody.
#[derive(InputObject)]
struct IdentifyPersonInput {
    /// Where to look; an unknown gallery is empty.
    #[graphql(default = "default")]
    gallery: String,
    /// A picture of one face, or of one that is much larger than all others.
    image: ImageInput,
    /// How many people at most, from 1 to 100.
    #[graphql(default = 5)]
    top_k: i32,
    /// 0 to 1; by default where POSSIBLE begins. Less shows people who are not alike: their decision is `NO_MATCH`.
    min_similarity: Option<f64>,
}

/// Who it may be.
#[derive(SimpleObject)]
struct IdentifyPersonPayload {
    /// The most alike first, each person once; empty when there is nobody alike.
    candidates: Vec<Candidate>,
    /// The face in the picture.
    face: DetectedFace,
    /// How many enrolled faces it was compared with.
    searched_faces: usize,
}

/// A gallery, and a picture of several people.
#[derive(InputObject)]
struct IdentifyFacesInput {
    /// Where to look; an unknown gallery is empty.
    #[graphql(default = "default")]
    gallery: String,
    /// A picture with at least one face.
    image: ImageInput,
    /// How many people at most for each face, from 1 to 100.
    #[graphql(default = 1)]
    top_k: i32,
    /// 0 to 1; by default where POSSIBLE begins.
    min_similarity: Option<f64>,
    /// How many faces at most, the largest first; from 1 to 100.
    #[graphql(default = 20)]
    max_faces: i32,
}

/// Who they may be.
#[derive(SimpleObject)]
struct IdentifyFacesPayload {
    /// The largest first.
    faces: Vec<IdentifiedFace>,
    /// How many enrolled faces each was compared with.
    searched_faces: usize,
}

/// A face of a picture, and who it may be.
#[derive(SimpleObject)]
struct IdentifiedFace {
    /// The face.
    face: DetectedFace,
    /// The most alike first, each person once; empty when there is nobody alike.
    candidates: Vec<Candidate>,
}

/// Somebody who is alike.
#[derive(SimpleObject)]
struct Candidate {
    /// The person.
    person: Person,
    /// How alike.
    #[graphql(name = "match")]
    score: MatchScore,
    /// The person's nearest face.
    face: Face,
}

/// Two pictures.
#[derive(InputObject)]
struct CompareFacesInput {
    /// A picture of one face, or of one that is much larger than all others.
    source: ImageInput,
    /// Another one.
    target: ImageInput,
}

/// Whether they show the same person.
#[derive(SimpleObject)]
struct CompareFacesPayload {
    /// How alike the faces are.
    #[graphql(name = "match")]
    score: MatchScore,
    /// The face in the first picture.
    source_face: DetectedFace,
    /// The face in the second.
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
