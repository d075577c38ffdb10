//! Which document a request means: the one that it brings, one that was brought before and is named by its hash
//! (automatic persisted queries), or one of a list of trusted documents, which are then the only ones.

use std::collections::{HashMap, HashSet};
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};

use lru::LruCache;

use super::refusal::Refusal;
use crate::config::{Setting, Settings};
use crate::graphql::{ErrorCode, QueryLimits};
use crate::idempotency::digest;

/// How documents are bounded, kept and trusted.
#[derive(Clone, Debug)]
pub struct DocumentsConfig {
    /// What a document may ask for.
    pub limits: QueryLimits,
    /// Documents that are kept by their hash; 0 keeps none.
    pub persisted: usize,
    /// The only documents that are taken, by id; `None` takes all.
    pub trusted: Option<Arc<HashMap<String, String>>>,
}

impl DocumentsConfig {
    pub(crate) fn read(settings: &mut Settings) -> Self {
        let persisted = Setting {
            name: "FACEQL_PERSISTED_QUERIES",
            about: "Queries that are kept by their hash (automatic persisted queries); 0 keeps none.",
        };
        let trusted = Setting {
            name: "FACEQL_TRUSTED_DOCUMENTS",
            about: "A JSON file that names the only queries that are taken, as {\"id\": \"query\"}; empty: all are.",
        };
        let expected = "a JSON file with an object of queries by their ids";
        let read = |path: &str| {
            let documents = serde_json::from_slice(&std::fs::read(path).ok()?).ok()?;
            Some(Some(Arc::new(documents)))
        };
        Self {
            limits: QueryLimits::read(settings),
            persisted: settings.number(persisted, 1000, 0..=1_000_000),
            trusted: settings.parsed(trusted, None, "", expected, read),
        }
    }
}

/// Finds documents. Cloning shares them.
#[derive(Clone)]
pub struct Documents {
    limits: QueryLimits,
    kept: Option<Arc<Mutex<LruCache<String, String>>>>,
    trusted: Option<Arc<Trusted>>,
}

struct Trusted {
    by_id: Arc<HashMap<String, String>>,
    texts: HashSet<String>,
}

impl Documents {
    /// Documents by `config`.
    #[must_use]
    pub fn new(config: &DocumentsConfig) -> Self {
        let trusted = config.trusted.clone().map(|by_id| {
            let texts = by_id.values().map(|text| digest(text.as_bytes())).collect();
            Arc::new(Trusted { by_id, texts })
        });
        let kept = NonZeroUsize::new(config.persisted).filter(|_| trusted.is_none());
        let kept = kept.map(|capacity| Arc::new(Mutex::new(LruCache::new(capacity))));
        Self { limits: config.limits, kept, trusted }
    }

    /// The text of the document that a request brings, or names by `id`.
    pub(super) fn find(&self, text: Option<String>, id: Option<&str>) -> Result<String, Refusal> {
        match (text, id) {
            (None, None) => Err(Refusal::new(ErrorCode::BadUserInput, "the request has no query")),
            (None, Some(id)) => {
                let text = self.known(id).ok_or_else(|| {
                    // Clients of automatic persisted queries know this sentence.
                    Refusal::new(ErrorCode::PersistedQueryNotFound, "PersistedQueryNotFound")
                })?;
                // Trusted documents come from a file that nobody has measured.
                self.limits.check_text(&text)?;
                Ok(text)
            }
            (Some(text), id) => {
                self.limits.check_text(&text)?;
                // Most requests bring no id, and most servers trust every document: those need no digest.
                if self.trusted.is_some() || id.is_some() {
                    self.judge(&text, id)?;
                }
                Ok(text)
            }
        }
    }

    /// Refuses a text that is none of the trusted ones, or not the one that its id names; keeps the others that have one.
    fn judge(&self, text: &str, id: Option<&str>) -> Result<(), Refusal> {
        let digest = digest(text.as_bytes());
        if self.trusted.as_ref().is_some_and(|trusted| !trusted.texts.contains(&digest)) {
            let message = "this server takes trusted documents only, and this is none of them";
            return Err(Refusal::new(ErrorCode::Forbidden, message));
        }
        if let (Some(id), Some(kept)) = (id, &self.kept) {
            if id != digest {
                let message = "the query's SHA-256 is not the one that was given with it";
                return Err(Refusal::new(ErrorCode::BadUserInput, message));
            }
            kept.lock().unwrap_or_else(PoisonError::into_inner).put(digest, text.to_owned());
        }
        Ok(())
    }

    fn known(&self, id: &str) -> Option<String> {
        match (&self.trusted, &self.kept) {
            (Some(trusted), _) => trusted.by_id.get(id).cloned(),
            (None, Some(kept)) => kept.lock().unwrap_or_else(PoisonError::into_inner).get(id).cloned(),
            (None, None) => None,
        }
    }
}
