//! Progress of a detection or a contour.

use sea_orm::entity::prelude::*;

/// Progress of a detection or a contour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "String", db_type = "String(StringLen::N(16))", rename_all = "snake_case")]
pub enum JobStatus {
    /// Stored, waiting to be processed.
    Pending,
    /// Being processed.
    Processing,
    /// Finished successfully.
    Completed,
    /// Given up; `error_code` has the reason.
    Failed,
}

impl JobStatus {
    /// Whether the status can no longer change.
    #[must_use]
    pub fn is_final(self) -> bool {
        matches!(self, Self::Completed | Self::Failed)
    }
}
