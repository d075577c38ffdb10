//! Compares the index with an exhaustive comparison of every template.

use std::collections::{BTreeMap, HashMap};
use std::thread;

use uuid::Uuid;

use super::distance::exact;
use super::*;

#[test]
fn a_search_finds_what_comparing_every_template_finds() {
    for seed in 0..24 {
        let mut random = Random(seed);
        let metric = random.one_of(&[Metric::Euclidean, Metric::Cosine]);
        let dimensions = random.one_of(&[1, 2, 3, 7, 16, 33, 128]);
        let values = random.one_of(&[Values::Ordinary, Values::Coarse, Values::OfAnySize]);
        let mut subject = Subject::new(metric);
        for _ in 0..4 {
            let added = random.below(1200);
            let added: Vec<_> = (0..added).map(|_| random.template(dimensions, values)).collect();
            let removed: Vec<_> = (0..random.below(600)).map(|_| random.face()).collect();
            subject.replace(&removed, &added);
            for _ in 0..6 {
                let query = random.vector(dimensions, values);
                let limit = random.one_of(&[0, 1, 2, 5, 100, 5000]);
                let near = subject.distance_of_any(&query).unwrap_or(1.0);
                let max_distance = random.one_of(&[f32::INFINITY, 0.0, near, 0.8 * near]);
                subject.assert_same(&query, limit, max_distance);
            }
        }
    }
}

#[test]
fn of_equally_near_faces_the_smaller_id_comes_first() {
    let mut subject = Subject::new(Metric::Euclidean);
    let same = vec![0.25; 5];
    subject.replace(&[], &[(face(3), person(1), same.clone()), (face(2), person(2), same.clone())]);
    subject.replace(&[], &[(face(1), person(2), same.clone()), (face(4), person(1), same.clone())]);
    let found = subject.index.search(&subject.collection, &same, 9, 0.0).unwrap();
    let order: Vec<_> = found.matches.iter().map(|found| (found.face, found.person)).collect();
    assert_eq!(order, [(face(1), person(2)), (face(3), person(1))]);
    assert_eq!(found.searched_faces, 4);
}

#[test]
fn a_zero_vector_is_a_vector_like_others() {
    for metric in [Metric::Euclidean, Metric::Cosine] {
        let mut subject = Subject::new(metric);
        let vectors = [[0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [0.0, -2.0, 0.0]];
        let templates = (0..).zip(vectors).map(|(id, vector)| (face(id), person(id), vector.to_vec()));
        subject.replace(&[], &templates.collect::<Vec<_>>());
        for query in vectors {
            for max_distance in [0.0, 1.0, f32::INFINITY] {
                subject.assert_same(&query, 5, max_distance);
            }
        }
    }
}

#[test]
fn collections_do_not_meet() {
    let index = EmbeddedIndex::new();
    let first = collection(Metric::Euclidean);
    let others = [
        Collection { tenant: Tenant::parse("other").unwrap(), ..first.clone() },
        Collection { gallery: NameKey::normal("other"), ..first.clone() },
        Collection { model: ModelDigest::from_bytes([1; 32]), ..first.clone() },
        Collection { metric: Metric::Cosine, ..first.clone() },
    ];
    let template = Template { face: face(1), person: person(1), vector: &[1.0, 2.0] };
    index.insert(&first, &[template]).unwrap();
    for other in &others {
        assert_eq!(index.search(other, &[1.0, 2.0], 1, f32::INFINITY).unwrap().matches, []);
        index.remove(other, &[face(1)]).unwrap();
        index.drop_collection(other);
    }
    assert_eq!(index.face_count(&first), 1);
    index.drop_collection(&first);
    assert_eq!(index.search(&first, &[1.0, 2.0], 1, f32::INFINITY).unwrap().searched_faces, 0);
}

#[test]
fn a_refused_vector_changes_nothing() {
    let index = EmbeddedIndex::new();
    let collection = collection(Metric::Euclidean);
    let template = |id, vector| Template { face: face(id), person: person(id), vector };
    index.insert(&collection, &[template(1, &[1.0, 2.0])]).unwrap();
    let too_many = vec![0.0; MAX_DIMENSIONS + 1];
    let refused: [(&[f32], IndexError); 4] = [
        (&[], IndexError::Dimensions { actual: 0 }),
        (&too_many, IndexError::Dimensions { actual: MAX_DIMENSIONS + 1 }),
        (&[1.0], IndexError::WrongLength { expected: 2, actual: 1 }),
        (&[1.0, f32::NAN], IndexError::NotFinite { index: 1 }),
    ];
    for (vector, error) in refused {
        let added = [template(2, &[3.0, 4.0]), template(3, vector)];
        assert_eq!(index.replace(&collection, &[face(1)], &added), Err(error));
        assert_eq!(index.search(&collection, vector, 1, 1.0), Err(error));
        assert_eq!(index.face_count(&collection), 1);
    }
    let unknown = Collection { gallery: NameKey::normal("unknown"), ..collection };
    let infinite = IndexError::NotFinite { index: 0 };
    assert_eq!(index.search(&unknown, &[f32::INFINITY], 1, 1.0), Err(infinite));
    assert_eq!(index.insert(&unknown, &[template(1, &[f32::INFINITY])]), Err(infinite));
}

#[test]
fn a_collection_without_faces_takes_vectors_of_any_length() {
    let mut subject = Subject::new(Metric::Euclidean);
    subject.replace(&[], &[(face(1), person(1), vec![1.0])]);
    subject.replace(&[face(1)], &[]);
    subject.replace(&[], &[(face(1), person(1), vec![1.0, 2.0])]);
    subject.assert_same(&[1.0, 2.0], 1, 0.0);
}

#[test]
fn a_search_sees_a_replacement_whole_or_not_at_all() {
    let index = EmbeddedIndex::new();
    let collection = collection(Metric::Euclidean);
    let pose = |id| Template { face: face(id), person: person(1), vector: &[0.5, 0.5] };
    index.insert(&collection, &[pose(0), pose(1)]).unwrap();
    thread::scope(|scope| {
        let replacing = scope.spawn(|| {
            for round in (2..2000).step_by(2) {
                let removed = [face(round - 2), face(round - 1)];
                index.replace(&collection, &removed, &[pose(round), pose(round + 1)]).unwrap();
            }
        });
        while !replacing.is_finished() {
            let found = index.search(&collection, &[0.5, 0.5], 5, 0.0).unwrap();
            assert_eq!((found.matches.len(), found.searched_faces), (1, 2));
        }
    });
}

#[test]
fn searches_go_on_while_100_000_faces_come_in() {
    let index = EmbeddedIndex::new();
    let collection = collection(Metric::Euclidean);
    let known = Template { face: face(0), person: person(0), vector: &[9.0, 9.0, 9.0] };
    index.insert(&collection, &[known]).unwrap();
    let mut random = Random(1);
    let vectors: Vec<_> = (0..100_000).map(|_| random.vector(3, Values::Ordinary)).collect();
    let many: Vec<_> = (1..)
        .zip(&vectors)
        .map(|(id, vector)| Template { face: face(id), person: person(id), vector })
        .collect();
    thread::scope(|scope| {
        let inserting = scope.spawn(|| index.insert(&collection, &many).unwrap());
        while !inserting.is_finished() {
            let found = index.search(&collection, known.vector, 1, 0.0).unwrap();
            assert_eq!(found.matches[0].face, known.face);
            assert!([1, 100_001].contains(&found.searched_faces));
        }
    });
    assert_eq!(index.face_count(&collection), 100_001);
}

/// An index, and its expected content.
struct Subject {
    index: EmbeddedIndex,
    collection: Collection,
    expected: BTreeMap<FaceId, (PersonId, Vec<f32>)>,
}

type Owned = (FaceId, PersonId, Vec<f32>);

impl Subject {
    fn new(metric: Metric) -> Self {
        let collection = collection(metric);
        Self { index: EmbeddedIndex::new(), collection, expected: BTreeMap::new() }
    }

    fn replace(&mut self, removed: &[FaceId], added: &[Owned]) {
        let templates: Vec<_> =
            added.iter().map(|&(face, person, ref vector)| Template { face, person, vector }).collect();
        self.index.replace(&self.collection, removed, &templates).unwrap();
        self.expected.retain(|face, _| !removed.contains(face));
        let added = added.iter().map(|(face, person, vector)| (*face, (*person, vector.clone())));
        self.expected.extend(added);
        assert_eq!(self.index.face_count(&self.collection), self.expected.len());
    }

    fn distance_of_any(&self, query: &[f32]) -> Option<f32> {
        let (_, vector) = self.expected.values().nth(self.expected.len() / 2)?;
        Some(exact(self.collection.metric, query, vector))
    }

    fn assert_same(&self, query: &[f32], limit: usize, max_distance: f32) {
        let mut best: HashMap<PersonId, Match> = HashMap::new();
        for (&face, (person, vector)) in &self.expected {
            let distance = exact(self.collection.metric, query, vector);
            let found = Match { face, person: *person, distance };
            let known = best.entry(*person).or_insert(found);
            if distance < known.distance {
                *known = found;
            }
        }
        let mut matches: Vec<_> = best.into_values().filter(|best| best.distance <= max_distance).collect();
        matches.sort_by(|a, b| a.distance.total_cmp(&b.distance).then(a.face.cmp(&b.face)));
        matches.truncate(limit);
        let expected = SearchResult { matches, searched_faces: self.expected.len() };
        assert_eq!(self.index.search(&self.collection, query, limit, max_distance), Ok(expected));
    }
}

fn collection(metric: Metric) -> Collection {
    Collection {
        tenant: Tenant::parse("acme").unwrap(),
        gallery: NameKey::normal("staff"),
        model: ModelDigest::from_bytes([0; 32]),
        metric,
    }
}

fn face(id: u128) -> FaceId {
    FaceId(Uuid::from_u128(id))
}

fn person(id: u128) -> PersonId {
    PersonId(Uuid::from_u128(id))
}

#[derive(Clone, Copy)]
enum Values {
    /// Values from -0.6 to 0.6.
    Ordinary,
    /// Few distinct values, so that vectors coincide and distances tie.
    Coarse,
    /// Values of any magnitude of f32.
    OfAnySize,
}

/// `SplitMix64`.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    fn one_of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[usize::try_from(self.below(choices.len() as u64)).unwrap()]
    }

    fn face(&mut self) -> FaceId {
        face(self.below(6000).into())
    }

    fn template(&mut self, dimensions: usize, values: Values) -> Owned {
        let vector = self.vector(dimensions, values);
        (self.face(), person(self.below(1000).into()), vector)
    }

    fn vector(&mut self, dimensions: usize, values: Values) -> Vec<f32> {
        (0..dimensions).map(|_| self.value(values)).collect()
    }

    fn value(&mut self, values: Values) -> f32 {
        let steps = i16::try_from(self.below(2001)).unwrap() - 1000;
        match values {
            Values::Ordinary => f32::from(steps) * 0.0006,
            Values::Coarse => f32::from(steps / 600),
            Values::OfAnySize => {
                let any = f32::from_bits((self.next() >> 32) as u32);
                if any.is_finite() { any } else { 0.0 }
            }
        }
    }
}
