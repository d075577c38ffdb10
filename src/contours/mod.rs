//! Contour jobs: take an image, its segmentation map and landmarks, and produce an SVG of the levelled regions. A
//! repeated request returns the existing drawing.
//!
//! Called by `graphql::contours` and by the worker that `app` starts. Independent of GraphQL and HTTP.

mod draw;
mod error;
mod levelling;
mod look;
mod style;
mod submit;

use std::time::Duration;

use entity::contour::{Column, Entity, Model};
use entity::ids::{ContourId, Tenant};
use entity::job_status::JobStatus;
use uuid::Uuid;
use vision::ImageLimits;
use vision::contour::DEFAULT_LEAST_AREA;

use crate::events::State;
use crate::jobs::Handler;
use crate::settings::section;
use crate::store::blobs::BlobName;
use crate::tasks::{Task, Tasks};

pub use draw::DrawContour;
pub use error::ContourError;
pub use levelling::{Levelling, stored_levelling};
pub use style::ContourStyle;
pub use submit::{ContourRequest, Submitted};

/// The blob kind of images whose contours are not drawn yet.
const IMAGES: &str = "contour_images";

/// The blob kind of segmentation maps whose contours are not drawn yet.
const MAPS: &str = "contour_maps";

/// The blob kind of finished drawings.
pub const DRAWINGS: &str = "contours";

/// The blob kind of a drawing's regions, as JSON. Not stored in the row, which would make it slow to read.
const REGIONS: &str = "contour_regions";

section! {
    /// Settings of contours.
    #[derive(Clone, Debug)]
    pub struct ContourConfig {
        /// How long a finished contour is stored and returned for the same request.
        pub retention: Duration = seconds("FACEQL_CONTOUR_RETENTION_SECONDS", 86_400, 1..=31_536_000),
        /// Minimum area of a region part that is drawn, in pixels.
        pub least_area: u32 = number("FACEQL_CONTOUR_LEAST_AREA", DEFAULT_LEAST_AREA, 1..=1_000_000),
    }
}

/// The domain of contours. Clones share the same state.
#[derive(Clone)]
pub struct Contours {
    /// Rows, files, jobs and subscriptions of contours.
    pub tasks: Tasks<Entity>,
    /// Limits of uploaded images.
    pub limits: ImageLimits,
    /// Region parts with fewer pixels are not drawn.
    pub least_area: u32,
}

impl State for Model {
    fn revision(&self) -> i32 {
        self.revision
    }

    fn is_final(&self) -> bool {
        self.status.is_final()
    }
}

impl Task for Entity {
    type Id = ContourId;
    const NAME: &'static str = "contour";
    const JOB: &'static str = DrawContour::KIND;
    const FILES: &'static [(&'static str, &'static [JobStatus])] = &[
        (IMAGES, &[JobStatus::Pending, JobStatus::Processing]),
        (MAPS, &[JobStatus::Pending, JobStatus::Processing]),
        (DRAWINGS, &[JobStatus::Processing, JobStatus::Completed]),
        (REGIONS, &[JobStatus::Processing, JobStatus::Completed]),
    ];
    const ID: Column = Column::Id;
    const TENANT: Column = Column::Tenant;
    const STATUS: Column = Column::Status;
    const REVISION: Column = Column::Revision;
    const ERROR_CODE: Column = Column::ErrorCode;
    const ERROR_MESSAGE: Column = Column::ErrorMessage;
    const COMPLETED_AT: Column = Column::CompletedAt;

    fn place(row: &Model) -> (&Tenant, Uuid) {
        (&row.tenant, row.id.0)
    }
}

/// Blob name of the drawing, an SVG document; it exists once the contour is COMPLETED.
#[must_use]
pub fn drawing(tenant: &Tenant, id: ContourId) -> BlobName {
    blob(tenant, id, DRAWINGS)
}

fn blob(tenant: &Tenant, id: ContourId, kind: &'static str) -> BlobName {
    BlobName { tenant: tenant.clone(), kind, owner: id.0 }
}
