//! Tasks that clients submit, follow and delete: a row, its job and its files. Shared by detections and contours;
//! independent of images.

mod expire;
mod progress;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use entity::ids::{Tenant, TypedId};
use entity::job_status::JobStatus;
use sea_orm::{ColumnTrait, DbErr, EntityTrait, QueryFilter, Select};
use tokio_stream::Stream;
use uuid::Uuid;

use crate::access::caller::Caller;
use crate::clock::Clock;
use crate::events::{Bus, Change, State, Topic};
use crate::jobs::Queue;
use crate::store::blobs::{BlobError, BlobName, Blobs};
use crate::store::database::{Database, Write};
use crate::store::idempotency;

/// A table of tasks: the columns that tasks share, and the files that rows own.
pub trait Task: EntityTrait<Model: State + Clone> {
    /// Type of the row's id.
    type Id: TypedId;
    /// Name of the kind of task in the log.
    const NAME: &'static str;
    /// Kind of its jobs.
    const JOB: &'static str;
    /// Kinds of blobs that a row owns, each with the statuses in which the row owns it.
    const FILES: &'static [(&'static str, &'static [JobStatus])];
    /// Column of the UUID.
    const ID: Self::Column;
    /// Column of the owning tenant.
    const TENANT: Self::Column;
    /// Column of the status.
    const STATUS: Self::Column;
    /// Column of the revision, which increases by one with each change.
    const REVISION: Self::Column;
    /// Column of the failure's machine-readable name.
    const ERROR_CODE: Self::Column;
    /// Column of the failure's human-readable message.
    const ERROR_MESSAGE: Self::Column;
    /// Column of the time at which the task finished.
    const COMPLETED_AT: Self::Column;

    /// The tenant and the id of a row.
    fn place(row: &Self::Model) -> (&Tenant, Uuid);

    /// Records facts about rows that `write` is about to remove because of their age.
    fn before_expiry(_write: &Write, _ids: &[Uuid]) -> impl Future<Output = Result<(), DbErr>> + Send {
        async { Ok(()) }
    }
}

/// The tasks of one kind. Clones share the same state.
pub struct Tasks<E: Task> {
    /// Stores rows.
    pub database: Database,
    /// Stores files.
    pub blobs: Blobs,
    /// Job queue.
    pub queue: Queue,
    /// Publishes changes to subscribers.
    pub changes: Bus<Change<E::Model>>,
    /// Source of the current time.
    pub clock: Clock,
    /// How long a finished task is stored.
    pub retention: Duration,
}

impl<E: Task> Clone for Tasks<E> {
    fn clone(&self) -> Self {
        Self {
            database: self.database.clone(),
            blobs: self.blobs.clone(),
            queue: self.queue.clone(),
            changes: self.changes.clone(),
            clock: self.clock.clone(),
            retention: self.retention,
        }
    }
}

impl<E: Task> Tasks<E> {
    /// Selects the caller's tasks.
    pub(crate) fn owned(caller: &Caller) -> Select<E> {
        E::find().filter(E::TENANT.eq(caller.tenant.clone()))
    }

    /// Returns those of `ids` that are the caller's tasks, in no particular order.
    pub(crate) async fn find(
        &self,
        caller: &Caller,
        ids: impl IntoIterator<Item = Uuid>,
    ) -> Result<Vec<E::Model>, DbErr> {
        Self::owned(caller).filter(E::ID.is_in(ids)).all(self.database.reader()).await
    }

    /// The row of a job; `None` when it has been deleted.
    pub(crate) async fn row(&self, id: Uuid) -> Result<Option<E::Model>, DbErr> {
        E::find().filter(E::ID.eq(id)).one(self.database.reader()).await
    }

    /// The current state of one of the caller's tasks, then each change; ends when it is COMPLETED, FAILED or deleted.
    /// `None` if there is no such task.
    pub(crate) async fn watch<Error: From<DbErr> + Send>(
        &self,
        caller: &Caller,
        id: Uuid,
    ) -> Result<Option<impl Stream<Item = Result<Arc<E::Model>, Error>> + use<E, Error>>, Error> {
        let (reader, wanted) = (self.database.reader().clone(), Self::owned(caller).filter(E::ID.eq(id)));
        let read = move || {
            let (reader, wanted) = (reader.clone(), wanted.clone());
            async move { Ok(wanted.one(&reader).await?) }
        };
        self.changes.follow(topic(&caller.tenant, id), read).await
    }

    /// Deletes one of the caller's tasks with its files and its job, and ends its subscriptions. `false` if there is no
    /// such task.
    pub(crate) async fn delete(&self, caller: &Caller, id: Uuid) -> Result<bool, DbErr> {
        let mut write = self.database.write().await?;
        let gone = E::delete_many()
            .filter(E::TENANT.eq(caller.tenant.clone()))
            .filter(E::ID.eq(id))
            .exec(&*write)
            .await?;
        if gone.rows_affected == 0 {
            return Ok(false);
        }
        self.queue.cancel(&mut write, E::JOB, &[id]).await?;
        idempotency::forget_nodes(&write, &[id]).await?;
        let (changes, topic) = (self.changes.clone(), topic(&caller.tenant, id));
        write.after_commit(move || changes.publish(&topic, Change::Deleted));
        self.database.erase_after(&mut write);
        caller.trail.record(&mut write, [E::Id::from(id).into()]).await?;
        write.commit().await?;
        self.remove_all_files(&caller.tenant, id).await;
        Ok(true)
    }

    /// Reads a file; `None` when it has been removed.
    pub(crate) async fn file(&self, name: &BlobName) -> Result<Option<Bytes>, BlobError> {
        match self.blobs.get(name).await {
            Err(BlobError::NotFound) => Ok(None),
            bytes => Ok(Some(bytes?)),
        }
    }

    /// Stores a file of a row that may be deleted concurrently; the file is removed again in that case.
    pub(crate) async fn keep_file(&self, name: &BlobName, bytes: Bytes) -> Result<(), BlobError> {
        let (tasks, id) = (self.clone(), name.owner);
        // If the database cannot be read, the file is left to the cleanup.
        let exists = async move { !matches!(tasks.row(id).await, Ok(None)) };
        self.blobs.put_while(name, bytes, exists).await
    }

    /// Removes all files that a row may own.
    pub(crate) async fn remove_all_files(&self, tenant: &Tenant, id: Uuid) {
        let kinds: Vec<&'static str> = E::FILES.iter().map(|(kind, _)| *kind).collect();
        self.remove_files(tenant, id, &kinds).await;
    }

    /// Removes files; those that cannot be removed now are cleaned up later.
    pub(crate) async fn remove_files(&self, tenant: &Tenant, id: Uuid, kinds: &[&'static str]) {
        for kind in kinds {
            let name = BlobName { tenant: tenant.clone(), kind, owner: id };
            if let Err(error) = self.blobs.delete(&name).await {
                tracing::warn!(%error, of = E::NAME, %id, kind, "could not remove a file; the next cleanup removes it");
            }
        }
    }
}

fn topic(tenant: &Tenant, id: Uuid) -> Topic {
    Topic { tenant: tenant.clone(), node: id }
}
