//! Finds the document of a request: its own text, an earlier one named by its hash (automatic persisted queries), or
//! one of a list of trusted documents. With such a list no other documents are executed.

use std::collections::{HashMap, HashSet};
use std::num::NonZeroUsize;
use std::sync::Arc;

use lru::LruCache;
use parking_lot::Mutex;

use crate::graphql::{ErrorCode, QueryLimits};
use crate::http::graphql::refusal::Refusal;
use crate::settings::section;
use crate::store::idempotency::digest;

section! {
    /// Limits on documents, automatic persisted queries and trusted documents.
    #[derive(Clone, Debug)]
    pub struct DocumentsConfig {
        /// Limits on queries and responses.
        pub limits: QueryLimits = section(),
        /// Documents kept by their hash for automatic persisted queries. 0: none.
        pub persisted: usize = number("FACEQL_PERSISTED_QUERIES", 1000, 0..=1_000_000),
        /// JSON file of trusted documents, {"id": "query"}; no other queries are executed. Empty: all are.
        pub trusted: Option<TrustedDocuments> = parsed(
            "FACEQL_TRUSTED_DOCUMENTS",
            None,
            "",
            "a JSON file with an object of queries by their ids",
            |path| trusted_documents(path).map(Some),
        ),
    }
}

type TrustedDocuments = Arc<HashMap<String, String>>;

fn trusted_documents(path: &str) -> Option<TrustedDocuments> {
    let documents = serde_json::from_slice(&std::fs::read(path).ok()?).ok()?;
    Some(Arc::new(documents))
}

/// Finds documents. Clones share the persisted ones.
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
    /// Reads limits and trusted documents from `config`.
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

    /// The text of the document that a request contains as `text` or names by `id`.
    pub(in crate::http) fn find(&self, text: Option<String>, id: Option<&str>) -> Result<String, Refusal> {
        match (text, id) {
            (None, None) => Err(Refusal::new(ErrorCode::BadUserInput, "the request has no query")),
            (None, Some(id)) => {
                let text = self.known(id).ok_or_else(|| {
                    // Clients of automatic persisted queries expect exactly this message.
                    Refusal::new(ErrorCode::PersistedQueryNotFound, "PersistedQueryNotFound")
                })?;
                // Trusted documents were not checked when their file was read.
                self.limits.check_text(&text)?;
                Ok(text)
            }
            (Some(text), id) => {
                self.limits.check_text(&text)?;
                // Most requests have no id, and most servers accept every document: those need no digest.
                if self.trusted.is_some() || id.is_some() {
                    self.judge(&text, id)?;
                }
                Ok(text)
            }
        }
    }

    /// Refuses a text that is not trusted or does not match its id; otherwise stores it under its id, if it has one.
    fn judge(&self, text: &str, id: Option<&str>) -> Result<(), Refusal> {
        let digest = digest(text.as_bytes());
        if self.trusted.as_ref().is_some_and(|trusted| !trusted.texts.contains(&digest)) {
            let message = "this server only executes trusted documents, and this is not one of them";
            return Err(Refusal::new(ErrorCode::Forbidden, message));
        }
        if let (Some(id), Some(kept)) = (id, &self.kept) {
            if id != digest {
                let message = "the query does not match the SHA-256 given with it";
                return Err(Refusal::new(ErrorCode::BadUserInput, message));
            }
            kept.lock().put(digest, text.to_owned());
        }
        Ok(())
    }

    fn known(&self, id: &str) -> Option<String> {
        match (&self.trusted, &self.kept) {
            (Some(trusted), _) => trusted.by_id.get(id).cloned(),
            (None, Some(kept)) => kept.lock().get(id).cloned(),
            (None, None) => None,
        }
    }
}
