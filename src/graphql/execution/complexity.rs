//! Costs of fields. Each resolver computes its cost with one of these functions in its `complexity` attribute.

/// Maximum cost of a field, so that sums of costs do not overflow.
pub(super) const MAX_FIELD_COST: usize = 1_000_000_000;

/// The cost of a list field: its content counts `times` times, 1 to 100.
pub(in crate::graphql) fn list(times: i32, content: usize) -> usize {
    let times = usize::try_from(times.clamp(1, 100)).unwrap_or(100);
    times.saturating_mul(content.max(1)).saturating_add(1).min(MAX_FIELD_COST)
}

/// The cost of processing an image. The engine needs about 25 ms of a core to decode one megapixel, detect its faces
/// and encode one of them, so a cost of 1 is about 30 microseconds. The default rate limit of a key, a million per
/// second, is more than 24 cores can process, and the maximum of 20 images of `enrollPerson` fits into the default cost
/// limit of a query.
pub(in crate::graphql) const IMAGE: usize = 800;

/// Bytes of a document that are parsed and validated in the time of a cost of 1, in the worst case of errors in nearly
/// every word.
const BYTES_READ: usize = 8;

/// The cost of parsing and validating a document.
pub(in crate::graphql) fn reading(text: &str) -> usize {
    text.len().div_ceil(BYTES_READ)
}

/// The cost of an audit log entry: chaining, storing and keeping it.
pub(in crate::graphql) const ENTRY: usize = 20;

/// The cost of a mutation, which writes an audit log entry.
pub(in crate::graphql) fn act(content: usize) -> usize {
    work(ENTRY, content)
}

/// The cost of a mutation for which the engine processes `images` images, immediately or in the background.
pub(in crate::graphql) fn look(images: usize, content: usize) -> usize {
    work(images.saturating_mul(IMAGE).saturating_add(ENTRY), content)
}

/// The cost of a field with a cost of its `own` besides that of its content.
pub(in crate::graphql) fn work(own: usize, content: usize) -> usize {
    own.saturating_add(content).min(MAX_FIELD_COST)
}
