//! Shared by all jobs on images: measuring uploads, and the reasons why work on an image fails.

pub mod failure;
pub(crate) mod intake;
pub mod upload;
