//! `FaceQL`'s tables, one file each, and the typed ids and keys. Depends only on `sea-orm` and Unicode tables.

pub mod api_key;
pub mod audit_entry;
pub mod audit_head;
pub mod container;
pub mod contour;
pub mod detection;
pub mod detection_counter;
pub mod encoding;
pub mod enrollment;
pub mod enrollment_frame;
pub mod face;
pub mod idempotency_key;
pub mod identity;
pub mod ids;
pub mod image;
pub mod job;
pub mod job_status;
pub mod model;
pub mod name_key;
pub mod person;
pub mod template;
