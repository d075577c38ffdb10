//! Recognition: verification (1:1), identification (1:N) and comparison of two images.

use std::collections::HashMap;

use bytes::Bytes;
use entity::ids::{FaceId, PersonId};
use entity::{face, person};
use vision::{DetectOptions, DetectedFace, EncodedFace, MatchDecision, Thresholds};

use super::face::{templates_of, vector_of};
use super::lookup::gallery_key;
use super::{People, PeopleError, PersonRef, check_name};
use crate::access::caller::Caller;
use crate::index::{Collection, SearchResult};
use crate::inference::Urgency;

/// Maximum number of candidates per face.
const MAX_CANDIDATES: i32 = 100;

/// Maximum number of faces per image that are searched for.
const MAX_FACES: i32 = 100;

/// Maximum number of searches per request. A search is repeated when a match is replaced or deleted before its row is
/// read.
const MAX_SEARCHES: usize = 3;

/// Rounding tolerance of similarities: a limit equal to a candidate's similarity must include the candidate.
const ROUNDING: f32 = 1e-5;

/// How similar two faces are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MatchScore {
    /// Distance by the model's metric; smaller is more similar.
    pub distance: f32,
    /// 0 to 1; the model's threshold for 1:1 matches is at 0.5.
    pub similarity: f32,
    /// Interpretation of the distance by the model's thresholds.
    pub decision: MatchDecision,
}

/// The result of a verification.
pub struct Verified {
    /// The person verified against.
    pub person: person::Model,
    /// Score of the person's nearest face.
    pub score: MatchScore,
    /// The face in the image.
    pub face: DetectedFace,
}

/// A person whom a face may show.
pub struct Candidate {
    /// The matching person.
    pub person: person::Model,
    /// The person's nearest face.
    pub face: face::Model,
    /// How similar that face is.
    pub score: MatchScore,
}

/// A face in an image, with its candidates.
pub struct Identified {
    /// The face in the image.
    pub face: DetectedFace,
    /// Nearest first; empty if no person is similar enough.
    pub candidates: Vec<Candidate>,
}

/// The result of comparing two images.
pub struct Compared {
    /// How similar the two faces are.
    pub score: MatchScore,
    /// The face in the first image.
    pub source: DetectedFace,
    /// The face in the second image.
    pub target: DetectedFace,
}

/// Limits of an identification.
#[derive(Clone, Copy, Debug)]
pub struct SearchLimits {
    /// Maximum number of people per face, 1 to 100.
    pub top_k: i32,
    /// Minimum similarity, 0 to 1; by default the threshold of POSSIBLE.
    pub min_similarity: Option<f64>,
}

impl People {
    /// Verifies whether the face of `image` is the given person's.
    ///
    /// # Errors
    /// [`PeopleError::PersonNotFound`]; [`PeopleError::Rejected`] when the choice of face is ambiguous.
    pub async fn verify(
        &self,
        caller: &Caller,
        who: &PersonRef,
        image: Bytes,
    ) -> Result<Verified, PeopleError> {
        let person = self.find(caller, who).await?.ok_or(PeopleError::PersonNotFound)?;
        caller.trail.about([person.id.into()]);
        let found = self.only_face(caller, image).await?;
        let faces: Vec<FaceId> =
            self.faces_of(caller, &[person.id]).await?.into_iter().map(|face| face.id).collect();
        let templates = templates_of(self.database.reader(), &faces, &self.scale.model).await?;
        let distances = templates
            .iter()
            .map(|template| self.scale.metric.distance(&vector_of(template), found.embedding.values()));
        let distance = distances.min_by(f32::total_cmp).ok_or(if faces.is_empty() {
            PeopleError::NoEnrolledFace
        } else {
            PeopleError::OtherModel
        })?;
        let score = self.score(distance, self.scale.matching.verify);
        Ok(Verified { person, score, face: found.face })
    }

    /// Identifies the face of `image` among the people of a gallery. Also returns how many faces were searched.
    ///
    /// # Errors
    /// [`PeopleError::Rejected`] when the choice of face is ambiguous; [`PeopleError::BadInput`] for invalid limits.
    pub async fn identify(
        &self,
        caller: &Caller,
        gallery: &str,
        image: Bytes,
        limits: SearchLimits,
    ) -> Result<(Identified, usize), PeopleError> {
        check_name("gallery", gallery)?;
        limits.check()?;
        let face = self.only_face(caller, image).await?;
        let (mut identified, searched) = self.look_for(caller, gallery, vec![face], limits).await?;
        let identified = identified.pop().ok_or_else(|| PeopleError::internal("a face was lost"))?;
        Ok((identified, searched))
    }

    /// Identifies each face of `image` in a gallery, largest first. Also returns how many faces were searched.
    ///
    /// # Errors
    /// [`PeopleError::Rejected`] when there is no face; [`PeopleError::BadInput`] for invalid limits.
    pub async fn identify_all(
        &self,
        caller: &Caller,
        gallery: &str,
        image: Bytes,
        limits: SearchLimits,
        max_faces: i32,
    ) -> Result<(Vec<Identified>, usize), PeopleError> {
        check_name("gallery", gallery)?;
        limits.check()?;
        let most = usize::try_from(max_faces).ok().filter(|_| (1..=MAX_FACES).contains(&max_faces));
        let most =
            most.ok_or_else(|| PeopleError::BadInput(format!("maxFaces must be from 1 to {MAX_FACES}")))?;
        let options = DetectOptions { max_faces: Some(most), ..DetectOptions::default() };
        let faces = self.engine.analyse(&caller.into(), image, options, Urgency::Urgent).await?;
        if faces.is_empty() {
            return Err(super::Rejection::NoFace.into());
        }
        self.look_for(caller, gallery, faces, limits).await
    }

    /// Compares the faces of two images. Stores nothing.
    ///
    /// # Errors
    /// [`PeopleError::Rejected`] when the choice of face is ambiguous.
    pub async fn compare(
        &self,
        caller: &Caller,
        source: Bytes,
        target: Bytes,
    ) -> Result<Compared, PeopleError> {
        let (source, target) =
            tokio::try_join!(self.only_face(caller, source), self.only_face(caller, target))?;
        let distance = self.scale.metric.distance(source.embedding.values(), target.embedding.values());
        let score = self.score(distance, self.scale.matching.verify);
        Ok(Compared { score, source: source.face, target: target.face })
    }

    async fn look_for(
        &self,
        caller: &Caller,
        gallery: &str,
        faces: Vec<EncodedFace>,
        limits: SearchLimits,
    ) -> Result<(Vec<Identified>, usize), PeopleError> {
        let gallery = gallery_key(self.database.reader(), caller, gallery).await?;
        let collection = self.collection(&caller.tenant, &gallery);
        let (mut faces, mut results) = self.search(collection.clone(), faces, limits).await?;
        let mut rows = self.rows(caller, &results).await?;
        for _ in 1..MAX_SEARCHES {
            if rows.hold(&results) {
                break;
            }
            // A match was replaced between the search and the read of its row; the index has the new face by now.
            (faces, results) = self.search(collection.clone(), faces, limits).await?;
            rows = self.rows(caller, &results).await?;
        }
        let searched_faces = results.iter().map(|result| result.searched_faces).min().unwrap_or(0);
        let identified = faces.into_iter().zip(results).map(|(face, result)| {
            let candidates = self.candidates(&result, &rows, limits);
            let ids = |candidate: &Candidate| [candidate.person.id.into(), candidate.face.id.into()];
            caller.trail.about(candidates.iter().flat_map(ids));
            Identified { face: face.face, candidates }
        });
        Ok((identified.collect(), searched_faces))
    }

    /// Searches for each face on a blocking thread; returns the faces together with their results.
    async fn search(
        &self,
        collection: Collection,
        faces: Vec<EncodedFace>,
        limits: SearchLimits,
    ) -> Result<(Vec<EncodedFace>, Vec<SearchResult>), PeopleError> {
        let (index, most, farthest) = (self.index.clone(), limits.most(), self.farthest(limits));
        let searching = tokio::task::spawn_blocking(move || {
            let search =
                |face: &EncodedFace| index.search(&collection, face.embedding.values(), most, farthest);
            let results = faces.iter().map(search).collect::<Result<Vec<_>, _>>();
            results.map(|results| (faces, results))
        });
        Ok(searching.await.map_err(|panic| PeopleError::internal(format!("a search: {panic}")))??)
    }

    /// Reads the people and faces of all results with two statements.
    async fn rows(&self, caller: &Caller, results: &[SearchResult]) -> Result<Rows, PeopleError> {
        let matches = || results.iter().flat_map(|result| &result.matches);
        if matches().next().is_none() {
            return Ok(Rows::default());
        }
        let people: Vec<PersonId> = matches().map(|found| found.person).collect();
        let faces: Vec<FaceId> = matches().map(|found| found.face).collect();
        let (people, faces) = tokio::try_join!(self.people(caller, &people), self.faces(caller, &faces))?;
        Ok(Rows {
            people: people.into_iter().map(|person| (person.id, person)).collect(),
            faces: faces.into_iter().map(|face| (face.id, face)).collect(),
        })
    }

    /// Builds the candidates of a result, without people who were deleted during the search.
    fn candidates(&self, result: &SearchResult, rows: &Rows, limits: SearchLimits) -> Vec<Candidate> {
        let least = limits.min_similarity.unwrap_or(0.0);
        let candidate = |found: &crate::index::Match| {
            let score = self.score(found.distance, self.scale.matching.search);
            let like_enough = f64::from(score.similarity + ROUNDING) >= least;
            let (person, face) = (rows.people.get(&found.person)?, rows.faces.get(&found.face)?);
            like_enough.then(|| Candidate { person: person.clone(), face: face.clone(), score })
        };
        result.matches.iter().filter_map(candidate).collect()
    }

    fn score(&self, distance: f32, thresholds: Thresholds) -> MatchScore {
        let similarity = self.scale.matching.similarity(distance);
        MatchScore { distance, similarity, decision: thresholds.decision(distance) }
    }

    /// Maximum distance of a candidate.
    fn farthest(&self, limits: SearchLimits) -> f32 {
        match limits.min_similarity {
            None => self.scale.matching.search.possible,
            #[expect(clippy::cast_possible_truncation, reason = "a number from 0 to 1")]
            Some(least) => self.scale.matching.similarity.distance(least as f32) + ROUNDING,
        }
    }
}

impl SearchLimits {
    fn check(self) -> Result<(), PeopleError> {
        if !(1..=MAX_CANDIDATES).contains(&self.top_k) {
            return Err(PeopleError::BadInput(format!("topK must be from 1 to {MAX_CANDIDATES}")));
        }
        match self.min_similarity {
            Some(least) if !(0.0..=1.0).contains(&least) => {
                Err(PeopleError::BadInput("minSimilarity must be from 0 to 1".into()))
            }
            _ => Ok(()),
        }
    }

    fn most(self) -> usize {
        usize::try_from(self.top_k).unwrap_or(0)
    }
}

#[derive(Default)]
struct Rows {
    people: HashMap<PersonId, person::Model>,
    faces: HashMap<FaceId, face::Model>,
}

impl Rows {
    /// Whether the rows of every matched person and face were found.
    fn hold(&self, results: &[SearchResult]) -> bool {
        let mut matches = results.iter().flat_map(|result| &result.matches);
        matches.all(|found| self.people.contains_key(&found.person) && self.faces.contains_key(&found.face))
    }
}
