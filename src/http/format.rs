//! How an answer is written: what the request's `Accept` header leaves to choose from (GraphQL over HTTP, "Accept").

use axum::http::{HeaderMap, header};
use mime::Mime;

use super::refusal::Refusal;
use crate::graphql::ErrorCode;

/// The media type of a single answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    /// `application/json`, of which old clients take only 200 for an answer.
    Json,
    /// `application/graphql-response+json`, whose status tells what became of the request.
    Response,
}

impl Format {
    /// As the `Content-Type` header says it.
    pub(super) fn content_type(self) -> &'static str {
        match self {
            Self::Json => "application/json; charset=utf-8",
            Self::Response => "application/graphql-response+json; charset=utf-8",
        }
    }
}

/// What a client can read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Accepted {
    /// The best form of a single answer; `None` when it takes events alone.
    pub(super) format: Option<Format>,
    /// Whether it takes server-sent events.
    pub(super) events: bool,
}

impl Accepted {
    /// Reads the `Accept` header. Without one, everything is taken, and JSON is what old clients mean.
    pub(super) fn of(headers: &HeaderMap) -> Result<Self, Refusal> {
        let ranges = ranges(headers);
        if ranges.is_empty() {
            return Ok(Self { format: Some(Format::Json), events: false });
        }
        let mut best: Option<(f32, Format)> = None;
        for (range, quality) in ranges.iter().filter(|(_, quality)| *quality > 0.0) {
            let Some(format) = formats_of(range).iter().copied().find(|format| !is_refused(*format, &ranges))
            else {
                continue;
            };
            // Of equals the first one named wins.
            if best.is_none_or(|(known, _)| *quality > known) {
                best = Some((*quality, format));
            }
        }
        let events = ranges
            .iter()
            .any(|(range, quality)| *quality > 0.0 && range.essence_str() == "text/event-stream");
        if best.is_none() && !events {
            let message =
                "answers are application/graphql-response+json, application/json or text/event-stream";
            return Err(Refusal::new(ErrorCode::NotAcceptable, message));
        }
        Ok(Self { format: best.map(|(_, format)| format), events })
    }
}

/// The media ranges, each with its quality.
fn ranges(headers: &HeaderMap) -> Vec<(Mime, f32)> {
    let values = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let ranges = values.flat_map(|value| value.split(',')).filter_map(|range| {
        let range: Mime = range.trim().parse().ok()?;
        let quality = range.get_param("q").map_or(Some(1.0), |quality| quality.as_str().parse().ok())?;
        Some((range, quality))
    });
    ranges.collect()
}

/// The forms that a range takes, the one that is meant first.
fn formats_of(range: &Mime) -> &'static [Format] {
    match range.essence_str() {
        "application/graphql-response+json" => &[Format::Response],
        "application/json" => &[Format::Json],
        "application/*" | "*/*" => &[Format::Json, Format::Response],
        _ => &[],
    }
}

/// Whether a form is named with a quality of 0.
fn is_refused(format: Format, ranges: &[(Mime, f32)]) -> bool {
    ranges.iter().any(|(range, quality)| *quality <= 0.0 && *formats_of(range) == [format])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepted(accept: &str) -> Option<(Option<Format>, bool)> {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT, accept.parse().unwrap());
        Accepted::of(&headers).ok().map(|accepted| (accepted.format, accepted.events))
    }

    #[test]
    fn the_best_that_the_client_takes_is_chosen() {
        let (json, response) = (Some(Format::Json), Some(Format::Response));
        for (accept, expected) in [
            ("*/*", Some((json, false))),
            ("application/json", Some((json, false))),
            ("application/graphql-response+json", Some((response, false))),
            (
                "application/graphql-response+json; charset=utf-8, application/json; q=0.9",
                Some((response, false)),
            ),
            ("application/json;q=0.5, application/graphql-response+json;q=0.9", Some((response, false))),
            ("application/graphql-response+json;q=0, */*", Some((json, false))),
            ("text/html, application/xml;q=0.9, */*;q=0.8", Some((json, false))),
            ("text/event-stream", Some((None, true))),
            ("application/json, text/event-stream, multipart/mixed", Some((json, true))),
            ("text/html", None),
            ("application/json;q=0", None),
            ("*/*;q=0", None),
            ("text/event-stream;q=0", None),
            ("application/json;q=0, text/event-stream", Some((None, true))),
            ("application/json;q=0, */*", Some((response, false))),
            ("*/*, application/json;q=0.0, application/graphql-response+json;q=0", None),
            ("nonsense", Some((json, false))), // it names no media type at all
        ] {
            assert_eq!(accepted(accept), expected, "{accept}");
        }
        assert_eq!(Accepted::of(&HeaderMap::new()).unwrap().format, json);
    }
}
