//! Content negotiation: the format of a response by the request's `Accept` header (GraphQL over HTTP, "Accept").

use std::cmp::{Ordering, Reverse};

use axum::http::{HeaderMap, header};
use mime::Mime;

use crate::graphql::{ApiError, ErrorCode};

/// The media type of a single response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::http) enum Format {
    /// `application/json`; legacy clients expect status 200 for every GraphQL response.
    Json,
    /// `application/graphql-response+json`, whose status depends on the outcome of the request.
    Response,
}

impl Format {
    /// The value of the `Content-Type` header.
    pub(in crate::http) fn content_type(self) -> &'static str {
        match self {
            Self::Json => "application/json; charset=utf-8",
            Self::Response => "application/graphql-response+json; charset=utf-8",
        }
    }
}

/// What a client accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::http) struct Accepted {
    /// The preferred format of a single response; `None` when it only accepts events.
    pub(in crate::http) format: Option<Format>,
    /// Whether it accepts server-sent events.
    pub(in crate::http) events: bool,
}

impl Accepted {
    /// Reads the `Accept` header. Without one, the format is `application/json`, which legacy clients expect.
    pub(in crate::http) fn of(headers: &HeaderMap) -> Result<Self, ApiError> {
        let ranges = ranges(headers);
        if ranges.is_empty() {
            return Ok(Self { format: Some(Format::Json), events: false });
        }
        let wanted = |format| Preference::of(format, &ranges).map(|wanted| (wanted, format));
        // `max_by` returns the last maximum: JSON when both are equally preferred, as by `*/*` of legacy clients.
        let best = [Format::Response, Format::Json].into_iter().filter_map(wanted);
        let best = best.max_by(|(one, _), (other, _)| one.partial_cmp(other).unwrap_or(Ordering::Equal));
        let events = ranges
            .iter()
            .any(|(range, quality)| *quality > 0.0 && range.essence_str() == "text/event-stream");
        if best.is_none() && !events {
            let message =
                "responses are application/graphql-response+json, application/json or text/event-stream";
            return Err(ApiError::new(ErrorCode::NotAcceptable, message));
        }
        Ok(Self { format: best.map(|(_, format)| format), events })
    }
}

/// The media ranges of the `Accept` header with their quality values.
fn ranges(headers: &HeaderMap) -> Vec<(Mime, f32)> {
    let values = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let ranges = values.flat_map(|value| value.split(',')).filter_map(|range| {
        let range: Mime = range.trim().parse().ok()?;
        let quality = range.get_param("q").map_or(Some(1.0), |quality| quality.as_str().parse().ok())?;
        Some((range, quality))
    });
    ranges.collect()
}

/// How much a format is preferred: by its quality value, then by its position in the header.
#[derive(PartialEq, PartialOrd)]
struct Preference {
    quality: f32,
    place: Reverse<usize>,
}

impl Preference {
    /// The preference by the most specific matching range (RFC 9110, 12.5.1); `None` when none matches or its quality
    /// is 0.
    fn of(format: Format, ranges: &[(Mime, f32)]) -> Option<Self> {
        let matching = ranges.iter().enumerate().filter_map(|(place, (range, quality))| {
            Some((specificity(range, format)?, Self { quality: *quality, place: Reverse(place) }))
        });
        let (_, wanted) = matching.max_by_key(|(specificity, wanted)| (*specificity, wanted.place))?;
        (wanted.quality > 0.0).then_some(wanted)
    }
}

/// How specifically a range matches a format; `None` when it does not.
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
            ("nonsense", Some((json, false))), // not a media type
        ] {
            assert_eq!(accepted(accept), expected, "{accept}");
        }
        assert_eq!(Accepted::of(&HeaderMap::new()).unwrap().format, json);
    }
}
