//! Caches documents: each is parsed once, and validated once if the result is the same for every request.

use std::sync::{Arc, OnceLock};

use async_graphql::parser::types::{DocumentOperations, ExecutableDocument};
use async_graphql::{Request, ServerError, ValidationResult};
use lru::LruCache;
use parking_lot::Mutex;

use super::complexity;
use super::select_operation::select_operation;
use crate::access::rates::RateLimited;
use crate::graphql::error::give_code;
use crate::graphql::{ApiError, ErrorCode};

/// Maximum bytes of text of all cached documents. A parsed document may take a hundred times as much memory.
const MAX_CACHED_BYTES: usize = 128 << 10;
/// Maximum bytes of a cached document.
const MAX_DOCUMENT_BYTES: usize = 16 << 10;

/// The most recently used documents, by text.
pub struct DocumentCache(Mutex<Kept>);

struct Kept {
    by_text: LruCache<String, Arc<Parsed>>,
    /// Total bytes of the texts.
    bytes: usize,
}

/// The cost that was charged for reading a request's document. Part of the request's data.
#[derive(Clone, Copy)]
pub(in crate::graphql) struct Deposit(pub(in crate::graphql) usize);

/// The syntax error of a request's document. Part of the request's data.
pub(in crate::graphql) struct Unparsable(pub(in crate::graphql) ServerError);

/// A parsed document and the result of its validation.
pub(in crate::graphql) struct Parsed {
    document: ExecutableDocument,
    verdict: OnceLock<ValidationResult>,
}

impl Default for DocumentCache {
    fn default() -> Self {
        Self(Mutex::new(Kept { by_text: LruCache::unbounded(), bytes: 0 }))
    }
}

impl DocumentCache {
    /// Sets the parsed document of `request`. Returns whether it could be parsed; if not, executing the request returns
    /// the syntax error. Reading a document that is not known to be valid is charged first: `pay` receives the cost and
    /// returns what was charged.
    ///
    /// # Errors
    /// If the key has too little left to be charged.
    pub fn parse(
        &self,
        request: &mut Request,
        pay: impl FnOnce(usize) -> Result<usize, RateLimited>,
    ) -> Result<bool, ApiError> {
        let known = self.find(&request.query);
        if !known.as_ref().is_some_and(|known| known.is_valid(request.operation_name.as_deref())) {
            request.data.insert(Deposit(pay(complexity::reading(&request.query))?));
        }
        if let Some(known) = known {
            request.set_parsed_query(known.document.clone());
            request.data.insert(known);
            return Ok(true);
        }
        let is_to_be_kept = request.query.len() <= MAX_DOCUMENT_BYTES;
        match request.parsed_query() {
            Ok(document) if is_to_be_kept => {
                let parsed = Arc::new(Parsed { document: document.clone(), verdict: OnceLock::new() });
                self.keep(&request.query, &parsed);
                request.data.insert(parsed);
                Ok(true)
            }
            Ok(_) => Ok(true),
            Err(mut error) => {
                give_code(&mut error, ErrorCode::GraphqlParseFailed);
                request.data.insert(Unparsable(error));
                Ok(false)
            }
        }
    }

    fn find(&self, text: &str) -> Option<Arc<Parsed>> {
        self.0.lock().by_text.get(text).cloned()
    }

    fn keep(&self, text: &str, parsed: &Arc<Parsed>) {
        let mut kept = self.0.lock();
        if kept.by_text.put(text.to_owned(), parsed.clone()).is_none() {
            kept.bytes += text.len();
        }
        while kept.bytes > MAX_CACHED_BYTES
            && let Some((oldest, _)) = kept.by_text.pop_lru()
        {
            kept.bytes -= oldest.len();
        }
    }
}

impl Parsed {
    fn is_valid(&self, name: Option<&str>) -> bool {
        self.verdict(name).is_some_and(|verdict| verdict.get().is_some())
    }

    /// The cell for the result of validating the operation `name`, set once that succeeded. `None` if the result can
    /// depend on variables or on which operation is requested.
    pub(in crate::graphql) fn verdict(&self, name: Option<&str>) -> Option<&OnceLock<ValidationResult>> {
        let is_alone = match &self.document.operations {
            DocumentOperations::Single(_) => true,
            DocumentOperations::Multiple(operations) => operations.len() == 1,
        };
        let operation = select_operation(&self.document.operations, name)?;
        (is_alone && operation.variable_definitions.is_empty()).then_some(&self.verdict)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use async_graphql::CacheControl;

    use super::*;
    use crate::access::rates::RateLimitState;

    fn parse(documents: &DocumentCache, text: &str) -> Arc<Parsed> {
        let mut request = Request::new(text);
        documents.parse(&mut request, Ok).unwrap();
        request.parsed_query().unwrap();
        documents.find(text).unwrap()
    }

    #[test]
    fn a_document_is_parsed_once_and_the_oldest_are_let_go() {
        let documents = DocumentCache::default();
        let first = parse(&documents, "{ a }");
        assert!(Arc::ptr_eq(&first, &parse(&documents, "{ a }")));
        for index in 0..40 {
            parse(&documents, &format!("{{ a{index} {} }}", "b ".repeat(4000)));
        }
        assert!(documents.find("{ a }").is_none());
        let kept = documents.0.lock();
        assert_eq!(kept.bytes, kept.by_text.iter().map(|(text, _)| text.len()).sum::<usize>());
        assert!(kept.bytes <= MAX_CACHED_BYTES && kept.by_text.len() > 10, "{}", kept.bytes);
    }

    #[test]
    fn a_verdict_is_kept_only_where_it_holds_for_every_request() {
        let documents = DocumentCache::default();
        let holds = |text: &str, name: Option<&str>| parse(&documents, text).verdict(name).is_some();
        assert!(holds("{ a }", None));
        assert!(holds("query Q { a }", None) && holds("query Q { a }", Some("Q")));
        assert!(!holds("query Q { a }", Some("R")), "another operation is asked for");
        assert!(!holds("{ a }", Some("Q")), "it has no name");
        assert!(!holds("query Q { a } query R { b }", Some("Q")), "there are others");
        assert!(!holds("query ($v: Int) { a(b: $v) }", None), "it depends on the variable");
    }

    #[test]
    fn reading_is_paid_for_until_the_document_is_known_to_be_valid() {
        let documents = DocumentCache::default();
        let pay_for = |text: &str| {
            let mut paid = 0;
            let pay = |cost| {
                paid = cost;
                Ok(cost)
            };
            let is_parsed = documents.parse(&mut Request::new(text), pay).unwrap();
            (is_parsed, paid > 0)
        };
        assert_eq!([pay_for("{ a"), pay_for("{ a")], [(false, true); 2]);
        assert_eq!([pay_for("{ a }"), pay_for("{ a }")], [(true, true); 2]);
        let verdict = ValidationResult { cache_control: CacheControl::default(), complexity: 1, depth: 1 };
        documents.find("{ a }").unwrap().verdict(None).unwrap().set(verdict).unwrap();
        assert_eq!(pay_for("{ a }"), (true, false));

        let left = RateLimitState { burst: 1, window: Duration::ZERO, remaining: 0 };
        let broke = |_| Err(RateLimited { wait: Duration::ZERO, left });
        let mut request = Request::new("{ b }");
        assert_eq!(documents.parse(&mut request, broke).unwrap_err().code, ErrorCode::RateLimited);
        assert!(documents.find("{ b }").is_none(), "it was not read");
        assert!(documents.parse(&mut Request::new("{ a }"), broke).is_ok());
    }
}
