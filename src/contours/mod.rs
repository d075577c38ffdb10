//! Contour jobs: an image, its segmentation map and its landmarks go in, an SVG of the levelled regions comes out. What
//! was drawn before is not drawn again.
//!
//! Called by `graphql::contours` and by the worker that `app` starts. Knows no GraphQL and no HTTP.

mod draw;
mod error;
mod levelling;
mod look;
mod submit;
mod sweep;

use std::sync::Arc;
use std::time::Duration;

use entity::contour::Model;
use entity::ids::{ContourId, Tenant};
use vision::ImageLimits;

use crate::blobs::{BlobName, Blobs};
use crate::clock::Clock;
use crate::config::{Setting, Settings};
use crate::database::{Database, Write};
use crate::events::{Bus, Change, State, Topic};
use crate::jobs::Queue;

pub use draw::DrawContour;
pub use error::ContourError;
pub use levelling::{Levelling, stored_levelling};
pub use submit::{ContourRequest, ContourStyle, Submitted};

/// The kind of blob that an image is while its contour is not drawn.
const IMAGES: &str = "contour_images";

/// The kind of blob that a segmentation map is while its contour is not drawn.
const MAPS: &str = "contour_maps";

/// The kind of blob that a drawing is.
const DRAWINGS: &str = "contours";

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
    /// Rows.
    pub database: Database,
    /// Images and maps until they are drawn, and drawings.
    pub blobs: Blobs,
    /// Where the work is asked for.
    pub queue: Queue,
    /// Who follows a contour.
    pub changes: Bus<Change<Model>>,
    /// The time.
    pub clock: Clock,
    /// What is taken as an image.
    pub limits: ImageLimits,
    /// Sizes and times.
    pub config: ContourConfig,
}

impl State for Model {
    fn revision(&self) -> i32 {
        self.revision
    }

    fn is_final(&self) -> bool {
        self.status.is_final()
    }
}

impl Contours {
    fn topic(tenant: &Tenant, id: ContourId) -> Topic {
        Topic { tenant: tenant.clone(), node: id.0 }
    }

    /// Tells of a changed row once `write` is committed.
    fn announce(&self, write: &mut Write, row: Model) {
        let (changes, topic) = (self.changes.clone(), Self::topic(&row.tenant, row.id));
        write.after_commit(move || changes.publish(&topic, Change::State(Arc::new(row))));
    }

    async fn remove(&self, tenant: &Tenant, id: ContourId, kinds: &[&'static str]) {
        for kind in kinds {
            if let Err(error) = self.blobs.delete(&blob(tenant, id, kind)).await {
                tracing::warn!(%error, contour.id = %id, kind, "could not remove a file; the sweeper will");
            }
        }
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
