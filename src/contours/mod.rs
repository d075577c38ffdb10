//! Contour jobs: an image, its segmentation map and its landmarks go in, an SVG of the levelled regions comes out. What
//! was drawn before is not drawn again.
//!
//! Called by `graphql::contours` and by the worker that `app` starts. Knows no GraphQL and no HTTP.

mod draw;
mod error;
mod levelling;
mod look;
mod submit;

use std::time::Duration;

use entity::contour::{Column, Entity, Model};
use entity::ids::{ContourId, Tenant};
use entity::job_status::JobStatus;
use uuid::Uuid;
use vision::ImageLimits;

use crate::blobs::BlobName;
use crate::config::{Setting, Settings};
use crate::events::State;
use crate::jobs::Handler;
use crate::submissions::{Submission, Submissions};

pub use draw::DrawContour;
pub use error::ContourError;
pub use levelling::{Levelling, stored_levelling};
pub use submit::{ContourRequest, ContourStyle, Submitted};

/// The kind of blob that an image is while its contour is not drawn.
const IMAGES: &str = "contour_images";

/// The kind of blob that a segmentation map is while its contour is not drawn.
const MAPS: &str = "contour_maps";

/// The kind of blob that a drawing is.
pub const DRAWINGS: &str = "contours";

/// The kind of blob that the regions of a drawing are, as JSON: a row that holds them would be slow to read.
const REGIONS: &str = "contour_regions";

/// Contours and what is kept of them.
#[derive(Clone, Debug)]
pub struct ContourConfig {
    /// How long a finished contour is kept, and found again by the same request.
    pub retention: Duration,
    /// Parts of a region with fewer pixels are not drawn.
    pub least_area: u32,
}

impl ContourConfig {
    pub(crate) fn read(settings: &mut Settings) -> Self {
        let retention = Setting {
            name: "FACEQL_CONTOUR_RETENTION_SECONDS",
            about: "How long a finished contour is kept, and found again by the same request.",
        };
        let least_area = Setting {
            name: "FACEQL_CONTOUR_LEAST_AREA",
            about: "Parts of a region with fewer pixels than this are specks, and not drawn.",
        };
        Self {
            retention: settings.seconds(retention, 86_400, 1..=31_536_000),
            least_area: settings.number(least_area, vision::contour::DEFAULT_LEAST_AREA, 1..=1_000_000),
        }
    }
}

/// The domain of contours. Cloning shares it.
#[derive(Clone)]
pub struct Contours {
    /// Rows, files, jobs and followers.
    pub submissions: Submissions<Entity>,
    /// What is taken as an image.
    pub limits: ImageLimits,
    /// Parts of a region with fewer pixels are not drawn.
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

impl Submission for Entity {
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

/// The drawing of a COMPLETED contour: an SVG document.
#[must_use]
pub fn drawing(tenant: &Tenant, id: ContourId) -> BlobName {
    blob(tenant, id, DRAWINGS)
}

fn blob(tenant: &Tenant, id: ContourId, kind: &'static str) -> BlobName {
    BlobName { tenant: tenant.clone(), kind, owner: id.0 }
}
