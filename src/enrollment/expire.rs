//! Ends expired sessions and deletes sessions that ended long ago.

use std::time::Duration;

use entity::enrollment::{Column, Entity, Status};
use sea_orm::{ColumnTrait, EntityTrait, ExprTrait, PaginatorTrait, QueryFilter};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::session::frames_of;
use super::{EnrollmentError, Enrollments, Session};

/// Check interval. Short, so that subscribers learn of an expired session promptly.
const INTERVAL: Duration = Duration::from_secs(1);

impl Enrollments {
    /// Ends and deletes sessions periodically until `stop`.
    pub async fn expire_until(&self, stop: CancellationToken) {
        while stop.run_until_cancelled(tokio::time::sleep(INTERVAL)).await.is_some() {
            if let Err(error) = self.expire().await {
                warn!(%error, "could not end expired enrollment sessions; retrying later");
            }
        }
    }

    /// Ends expired sessions and deletes sessions that ended longer ago than the retention.
    ///
    /// # Errors
    /// When the database fails; the next run continues.
    pub async fn expire(&self) -> Result<(), EnrollmentError> {
        let now = self.clock.now();
        let over = Column::Status.eq(Status::Open).and(Column::ExpiresAt.lte(now));
        let old = Column::Status.ne(Status::Open).and(Column::ExpiresAt.lte(now - self.config.retention));
        let due = Entity::find().filter(over.clone().or(old.clone()));
        // This check does not occupy the writer.
        if due.count(self.database.reader()).await? == 0 {
            return Ok(());
        }
        let mut write = self.database.write().await?;
        let mut ended = Vec::new();
        for row in Entity::find().filter(over).all(&*write).await? {
            let session = Session { frames: frames_of(&*write, &[row.id]).await?, row };
            ended.push((session.row.tenant.clone(), session.chips()));
            self.end(&mut write, session.row, Status::Expired).await?;
        }
        Entity::delete_many().filter(old).exec(&*write).await?;
        self.database.erase_after(&mut write);
        write.commit().await?;
        for (tenant, chips) in ended {
            self.people.remove_chips(&tenant, &chips).await;
        }
        Ok(())
    }
}
