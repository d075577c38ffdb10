//! Reports what a request cost, once it is known.

use std::sync::{Arc, OnceLock};

use crate::access::rates::RateLimitState;

/// The charge of a request, set once. Clones share it.
#[derive(Clone, Default)]
pub struct CostReport(Arc<OnceLock<Charge>>);

/// What a request was charged, and what its key has left.
#[derive(Clone, Copy, Debug, Default)]
pub struct Charge {
    /// The cost; `None` if the request failed before its cost was known, or the key had too little left.
    pub cost: Option<usize>,
    /// The rate limit state of the key; `None` without a limit.
    pub left: Option<RateLimitState>,
}

impl CostReport {
    /// The charge; the default if it is not known yet.
    #[must_use]
    pub fn charge(&self) -> Charge {
        self.0.get().copied().unwrap_or_default()
    }

    /// Sets the charge. Later calls have no effect.
    pub(in crate::graphql) fn settle(&self, charge: Charge) {
        let _ = self.0.set(charge);
    }
}
