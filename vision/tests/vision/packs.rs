//! Invalid packs and runtimes, and vectors that must not be compared.

use std::fs;
use std::path::{Path, PathBuf};

use vision::{
    EmbeddedEngine, Embedding, EmbeddingError, EngineError, MatchDecision, Metric, ModelDigest,
    ModelMismatch, ModelRole, Pack, PackError,
};

use crate::setup::{engine, pack_folder, runtime};

#[test]
fn standard_pack_has_its_description() {
    let pack = Pack::load(&pack_folder()).unwrap();
    assert_eq!(pack.name(), "standard");
    assert_eq!((pack.detector().role, pack.encoder().role), (ModelRole::Detector, ModelRole::Encoder));
    assert_eq!((pack.detector().dimensions, pack.encoder().dimensions), (None, Some(128)));
    assert_eq!(pack.encoder().metric, Some(Metric::Euclidean));
    assert_ne!(pack.detector().digest, pack.encoder().digest);
    assert_eq!(pack.encoder().license, "CC0-1.0");
}

#[test]
fn missing_file_is_named() {
    let copy = CopiedPack::new("missing");
    fs::remove_file(copy.0.join("rnet.onnx")).unwrap();
    let refusal = Pack::load(&copy.0).unwrap_err();
    assert!(matches!(&refusal, PackError::MissingFile { path } if path.ends_with("rnet.onnx")));
    assert!(refusal.to_string().contains("rnet.onnx") && refusal.to_string().contains("make prepare"));
}

#[test]
fn altered_file_is_named() {
    let copy = CopiedPack::new("altered");
    let mut bytes = fs::read(copy.0.join("pnet.onnx")).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::remove_file(copy.0.join("pnet.onnx")).unwrap();
    fs::write(copy.0.join("pnet.onnx"), bytes).unwrap();
    let refusal = Pack::load(&copy.0).unwrap_err();
    assert!(
        matches!(&refusal, PackError::AlteredFile { path, .. } if path.ends_with("pnet.onnx")),
        "{refusal}"
    );
    assert!(refusal.to_string().contains("pnet.onnx"));
}

#[test]
fn folder_without_a_manifest_is_not_a_pack() {
    let refusal = Pack::load(Path::new("/nowhere")).unwrap_err();
    assert!(matches!(&refusal, PackError::MissingFile { path } if path.ends_with("pack.toml")), "{refusal}");
}

#[test]
fn unknown_kind_of_model_is_named() {
    let copy = CopiedPack::new("kind");
    copy.edit("kind = \"mtcnn\"", "kind = \"scrfd\"");
    let refusal = Pack::load(&copy.0).unwrap_err();
    assert!(matches!(&refusal, PackError::UnknownKind { kind, .. } if kind == "scrfd"), "{refusal}");
}

#[test]
fn invalid_manifest_is_refused() {
    for (from, to) in [
        ("pyramid_factor = 0.709", "pyramid_factor = 1.0"),
        ("minimum_face = 40", "minimum_face = 0"),
        ("width = 150", "width = 112"),
        ("scale = 1.0", "scale = 0.5"),
        ("dimensions = 128", "dimensions = \"many\""),
    ] {
        let copy = CopiedPack::new("sense");
        copy.edit(from, to);
        let refusal = Pack::load(&copy.0).unwrap_err();
        assert!(matches!(refusal, PackError::Manifest { .. }), "{to}: {refusal}");
    }
}

#[test]
fn digest_depends_on_everything_that_determines_a_vector_and_nothing_else() {
    let original = Pack::load(&pack_folder()).unwrap().encoder().digest;
    let copy = CopiedPack::new("digest");
    copy.edit("match = 0.5", "match = 0.45");
    copy.edit("CC0-1.0", "CC0");
    assert_eq!(Pack::load(&copy.0).unwrap().encoder().digest, original);
    copy.edit("[48.2, 46.0]", "[48.3, 46.0]");
    assert_ne!(Pack::load(&copy.0).unwrap().encoder().digest, original);
}

#[test]
fn runtime_that_cannot_be_loaded_is_named() {
    let pack = Pack::load(&pack_folder()).unwrap();
    let _first = engine();
    for library in [PathBuf::from("/nowhere/libonnxruntime.so"), pack_folder().join("pack.toml")] {
        let refusal = EmbeddedEngine::load(&library, &pack, 1).unwrap_err();
        assert!(
            matches!(&refusal, EngineError::RuntimeUnavailable { path, .. } if *path == library),
            "{refusal}"
        );
    }
    EmbeddedEngine::load(&runtime(), &pack, 1).unwrap().warm_up().unwrap();
}

#[test]
fn vectors_of_two_models_cannot_be_compared() {
    let [one, two] = [1, 2].map(|byte| ModelDigest::from_bytes([byte; 32]));
    let left = Embedding::new(one, vec![0.0, 1.0]).unwrap();
    let right = Embedding::new(two, vec![0.0, 1.0]).unwrap();
    let refusal = left.distance(&right, Metric::Euclidean).unwrap_err();
    assert_eq!(refusal, ModelMismatch::Models { left: one, right: two });
    let longer = Embedding::new(one, vec![0.0, 1.0, 0.0]).unwrap();
    assert_eq!(left.distance(&longer, Metric::Cosine), Err(ModelMismatch::Dimensions { left: 2, right: 3 }));
}

#[test]
fn embedding_contains_only_finite_numbers() {
    let model = ModelDigest::from_bytes([0; 32]);
    assert_eq!(Embedding::new(model, vec![]), Err(EmbeddingError::Empty));
    assert_eq!(Embedding::new(model, vec![0.0, f32::NAN]), Err(EmbeddingError::NotFinite { index: 1 }));
}

#[test]
fn distances_follow_the_metric() {
    let model = ModelDigest::from_bytes([0; 32]);
    let [right, up, left] =
        [[3.0, 0.0], [0.0, 4.0], [-1.0, 0.0]].map(|values| Embedding::new(model, values.to_vec()).unwrap());
    assert_eq!(right.distance(&up, Metric::Euclidean), Ok(5.0));
    assert_eq!(right.distance(&up, Metric::Cosine), Ok(1.0));
    assert_eq!(right.distance(&left, Metric::Cosine), Ok(2.0));
    assert_eq!(right.distance(&right, Metric::Cosine), Ok(0.0));
}

#[test]
fn digest_is_parsed_as_it_is_written() {
    let digest = Pack::load(&pack_folder()).unwrap().encoder().digest;
    assert_eq!(digest.to_string().parse(), Ok(digest));
    assert!("not a digest".parse::<ModelDigest>().is_err());
}

#[test]
fn decision_and_similarity_decrease_with_distance() {
    let matching = Pack::load(&pack_folder()).unwrap().encoder().matching.unwrap();
    assert_eq!(matching.verify.decision(matching.verify.matched), MatchDecision::Match);
    assert_eq!(matching.verify.decision(matching.verify.possible), MatchDecision::Possible);
    assert_eq!(matching.verify.decision(matching.verify.possible + 0.01), MatchDecision::NoMatch);
    assert!((matching.similarity(matching.verify.matched) - 0.5).abs() < 1e-6);
    let similarities: Vec<f32> = (0..=20).map(|step| matching.similarity(step as f32 / 10.0)).collect();
    assert!(similarities.is_sorted_by(|near, far| near > far), "{similarities:?}");
    assert!(similarities.iter().all(|similarity| (0.0..=1.0).contains(similarity)));
}

/// The standard pack copied to its own folder, so that its files can be changed. Removed when dropped.
struct CopiedPack(PathBuf);

impl CopiedPack {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("faceql-pack-{name}-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        for entry in fs::read_dir(pack_folder()).unwrap() {
            let file = entry.unwrap();
            fs::copy(file.path(), folder.join(file.file_name())).unwrap();
        }
        Self(folder)
    }

    fn edit(&self, from: &str, to: &str) {
        let manifest = self.0.join("pack.toml");
        let text = fs::read_to_string(&manifest).unwrap();
        assert!(text.contains(from), "the manifest no longer contains {from}");
        fs::write(manifest, text.replace(from, to)).unwrap();
    }
}

impl Drop for CopiedPack {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).unwrap();
    }
}
