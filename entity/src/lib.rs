//! `FaceQL`'s tables, one file each, and the typed ids. Knows `sea-orm` and nothing else.

pub mod container;
pub mod encoding;
pub mod enrollment;
pub mod enrollment_frame;
pub mod face;
pub mod idempotency_key;
pub mod ids;
pub mod image;
pub mod job;
pub mod model;
pub mod person;
pub mod template;
