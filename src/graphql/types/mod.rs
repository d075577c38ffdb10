//! Schema types shared by several domains.

pub(super) mod faces;
pub(super) mod float_list;
pub(super) mod images;
pub(super) mod metadata;
pub(super) mod models;
pub(super) mod page;
pub(super) mod written_numbers;
