//! The engine against real models, real photos, and files that mean harm. Needs the set-up of `make prepare`.

#![expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "pictures of the tests are small"
)]

mod faces;
mod pictures;
mod setup;
