//! Executes operations of all transports within their limits, and writes responses and refusals in a format that the
//! client accepts.

pub(super) mod answer;
pub(super) mod execute;
pub(super) mod format;
pub(super) mod outcome;
pub(super) mod refusal;
pub(super) mod status;
