//! Documents that were asked before: parsed once, and validated once where that comes to the same every time.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use async_graphql::parser::types::{DocumentOperations, ExecutableDocument};
use async_graphql::{Request, ValidationResult};
use lru::LruCache;

use super::chosen::chosen;

/// Bytes of text of all documents that are kept; one that is parsed may take some hundred times as much.
const MOST_TOGETHER: usize = 128 << 10;
/// A longer document is not kept.
const MOST_OF_ONE: usize = 16 << 10;

/// The documents that were asked last, by their texts.
pub struct ParsedDocuments(Mutex<Kept>);

struct Kept {
    by_text: LruCache<String, Arc<Parsed>>,
    /// Of all texts.
    bytes: usize,
}

/// A document that was parsed before.
pub(super) struct Parsed {
    document: ExecutableDocument,
    verdict: OnceLock<ValidationResult>,
}

impl Default for ParsedDocuments {
    fn default() -> Self {
        Self(Mutex::new(Kept { by_text: LruCache::unbounded(), bytes: 0 }))
    }
}

impl ParsedDocuments {
    /// Gives `request` its document, parsed. When it cannot be parsed, executing it says why.
    pub fn parse(&self, request: &mut Request) {
        if let Some(known) = self.find(&request.query) {
            request.set_parsed_query(known.document.clone());
            request.data.insert(known);
        } else if request.query.len() <= MOST_OF_ONE
            && let Ok(document) = request.parsed_query()
        {
            let parsed = Arc::new(Parsed { document: document.clone(), verdict: OnceLock::new() });
            self.keep(&request.query, &parsed);
            request.data.insert(parsed);
        }
    }

    fn find(&self, text: &str) -> Option<Arc<Parsed>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).by_text.get(text).cloned()
    }

    fn keep(&self, text: &str, parsed: &Arc<Parsed>) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.by_text.put(text.to_owned(), parsed.clone()).is_none() {
            kept.bytes += text.len();
        }
        while kept.bytes > MOST_TOGETHER
            && let Some((oldest, _)) = kept.by_text.pop_lru()
        {
            kept.bytes -= oldest.len();
        }
    }
}

impl Parsed {
    /// Where is kept what came of validating the document, once it was found valid by whoever asked for its operation by
    /// `name`. `None` where that can depend on variables, or on which operation is asked for.
    pub(super) fn verdict(&self, name: Option<&str>) -> Option<&OnceLock<ValidationResult>> {
        let is_alone = match &self.document.operations {
            DocumentOperations::Single(_) => true,
            DocumentOperations::Multiple(operations) => operations.len() == 1,
        };
        let operation = chosen(&self.document.operations, name)?;
        (is_alone && operation.variable_definitions.is_empty()).then_some(&self.verdict)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(documents: &ParsedDocuments, text: &str) -> Arc<Parsed> {
        let mut request = Request::new(text);
        documents.parse(&mut request);
        request.parsed_query().unwrap();
        documents.find(text).unwrap()
    }

    #[test]
    fn a_document_is_parsed_once_and_the_oldest_are_let_go() {
        let documents = ParsedDocuments::default();
        let first = parse(&documents, "{ a }");
        assert!(Arc::ptr_eq(&first, &parse(&documents, "{ a }")));
        for index in 0..40 {
            parse(&documents, &format!("{{ a{index} {} }}", "b ".repeat(4000)));
        }
        assert!(documents.find("{ a }").is_none());
        let kept = documents.0.lock().unwrap();
        assert_eq!(kept.bytes, kept.by_text.iter().map(|(text, _)| text.len()).sum::<usize>());
        assert!(kept.bytes <= MOST_TOGETHER && kept.by_text.len() > 10, "{}", kept.bytes);
    }

    #[test]
    fn a_verdict_is_kept_only_where_it_holds_for_every_request() {
        let documents = ParsedDocuments::default();
        let holds = |text: &str, name: Option<&str>| parse(&documents, text).verdict(name).is_some();
        assert!(holds("{ a }", None));
        assert!(holds("query Q { a }", None) && holds("query Q { a }", Some("Q")));
        assert!(!holds("query Q { a }", Some("R")), "another operation is asked for");
        assert!(!holds("{ a }", Some("Q")), "it has no name");
        assert!(!holds("query Q { a } query R { b }", Some("Q")), "there are others");
        assert!(!holds("query ($v: Int) { a(b: $v) }", None), "it depends on the variable");
    }
}
