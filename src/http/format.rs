//! How an answer is written: what the request's `Accept` header leaves to choose from (GraphQL over HTTP, "Accept").

use std::cmp::{Ordering, Reverse};

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
        let wanted = |format| Wanted::of(format, &ranges).map(|wanted| (wanted, format));
        // JSON where both are wanted as much: by a range for all, old clients mean that.
        let best = [Format::Response, Format::Json].into_iter().filter_map(wanted);
        let best = best.max_by(|(one, _), (other, _)| one.partial_cmp(other).unwrap_or(Ordering::Equal));
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

/// How much a form is wanted: by its quality, and of equals the one that is named first.
#[derive(PartialEq, PartialOrd)]
struct Wanted {
    quality: f32,
    place: Reverse<usize>,
}

impl Wanted {
    /// By the range that is most specific for it (RFC 9110, 12.5.1); `None` when that refuses it, or there is none.
    fn of(format: Format, ranges: &[(Mime, f32)]) -> Option<Self> {
        let matching = ranges.iter().enumerate().filter_map(|(place, (range, quality))| {
            Some((specificity(range, format)?, Self { quality: *quality, place: Reverse(place) }))
        });
        let (_, wanted) = matching.max_by_key(|(specificity, wanted)| (*specificity, wanted.place))?;
        (wanted.quality > 0.0).then_some(wanted)
    }
}

/// How closely a range names a form, if it takes it at all.
fn specificity(range: &Mime, format: Format) -> Option<u8> {
    match (range.essence_str(), format) {
        ("application/graphql-response+json", Format::Response) | ("application/json", Format::Json) => {
            Some(2)
        }
        ("application/*", _) => Some(1),
        ("*/*", _) => Some(0),
        _ => None,
    }
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
            ("application/json;q=0.1, */*", Some((response, false))),
            ("application/*;q=0, */*", None),
            ("application/*;q=0, application/json", Some((json, false))),
            ("*/*, application/json;q=0.0, application/graphql-response+json;q=0", None),
            ("nonsense", Some((json, false))), // it names no media type at all
        ] {
            assert_eq!(accepted(accept), expected, "{accept}");
        }
        assert_eq!(Accepted::of(&HeaderMap::new()).unwrap().format, json);
    }
}
