//! Times on the command line.

use chrono::{DateTime, Utc};

use crate::clock::Clock;

/// Parses an RFC 3339 time.
pub(super) fn time(text: &str) -> Result<DateTime<Utc>, String> {
    match DateTime::parse_from_rfc3339(text) {
        Ok(time) => Ok(time.to_utc()),
        Err(error) => Err(format!("{error}; expected a time such as 2027-01-31T12:00:00Z")),
    }
}

/// Parses an RFC 3339 time in the future.
pub(super) fn later(text: &str) -> Result<DateTime<Utc>, String> {
    let time = time(text)?;
    if time > Clock::system().now() { Ok(time) } else { Err("the time is in the past".into()) }
}
