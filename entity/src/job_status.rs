//! How far a detection or a contour has come.

use sea_orm::entity::prelude::*;

/// How far a detection or a contour has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "String", db_type = "String(StringLen::N(16))", rename_all = "snake_case")]
pub enum JobStatus {
    /// Stored; waits for its turn.
    Pending,
    /// Under way.
    Processing,
    /// Done.
    Completed,
    /// Given up; `error_code` says why.
    Failed,
}

impl JobStatus {
    /// Whether nothing more will happen to it.
    #[must_use]
    pub fn is_final(self) -> bool {
        matches!(self, Self::Completed | Self::Failed)
    }
}
