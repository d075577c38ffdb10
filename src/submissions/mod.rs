//! What clients submit, follow and delete: a row, its job, and files that belong to it. Detections and contours are such;
//! here is what holds for both. Knows no image.

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

use crate::blobs::{BlobError, BlobName, Blobs};
use crate::caller::Caller;
use crate::clock::Clock;
use crate::database::{Database, Write};
use crate::events::{Bus, Change, State, Topic};
use crate::idempotency;
use crate::jobs::Queue;

/// A table of submissions: which columns it has for what they share, and what belongs to its rows.
pub trait Submission: EntityTrait<Model: State + Clone> {
    /// Names a row.
    type Id: TypedId;
    /// Names it in the log.
    const NAME: &'static str;
    /// The kind of its jobs.
    const JOB: &'static str;
    /// The kinds of blobs that a row owns, each with the states in which it does.
    const FILES: &'static [(&'static str, &'static [JobStatus])];
    /// A UUID.
    const ID: Self::Column;
    /// Whose it is.
    const TENANT: Self::Column;
    /// How far it has come.
    const STATUS: Self::Column;
    /// Rises by one with each change.
    const REVISION: Self::Column;
    /// Why it failed, by name.
    const ERROR_CODE: Self::Column;
    /// Why it failed, for people.
    const ERROR_MESSAGE: Self::Column;
    /// When it came to its end.
    const COMPLETED_AT: Self::Column;

    /// Whose row it is, and which.
    fn place(row: &Self::Model) -> (&Tenant, Uuid);

    /// Notes what has to be known of rows that `write` is about to remove for their age.
    fn before_expiry(_write: &Write, _ids: &[Uuid]) -> impl Future<Output = Result<(), DbErr>> + Send {
        async { Ok(()) }
    }
}

/// The submissions of one kind. Cloning shares them.
pub struct Submissions<E: Submission> {
    /// Rows.
    pub database: Database,
    /// Their files.
    pub blobs: Blobs,
    /// Where their work is asked for.
    pub queue: Queue,
    /// Who follows one of them.
    pub changes: Bus<Change<E::Model>>,
    /// The time.
    pub clock: Clock,
    /// How long a finished one is kept.
    pub retention: Duration,
}

impl<E: Submission> Clone for Submissions<E> {
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

impl<E: Submission> Submissions<E> {
    /// The caller's.
    pub(crate) fn owned(caller: &Caller) -> Select<E> {
        E::find().filter(E::TENANT.eq(caller.tenant.clone()))
    }

    /// The caller's among `ids`, in no order.
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

    /// One of the caller's now, then after each change; ends when it is COMPLETED, FAILED or deleted. `None` when there is
    /// no such one.
    pub(crate) async fn watch<Error: From<DbErr>>(
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

    /// Deletes one of the caller's with its files and its job, and ends its subscriptions. `false` when there is no such
    /// one.
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

    /// Stores a file of a row that may be deleted meanwhile: it goes again then.
    pub(crate) async fn keep_file(&self, name: &BlobName, bytes: Bytes) -> Result<(), BlobError> {
        let (submissions, id) = (self.clone(), name.owner);
        // When nobody can tell, it is for the sweeper to see.
        let exists = async move { !matches!(submissions.row(id).await, Ok(None)) };
        self.blobs.put_while(name, bytes, exists).await
    }

    /// Removes every file that a row may own.
    pub(crate) async fn remove_all_files(&self, tenant: &Tenant, id: Uuid) {
        let kinds: Vec<&'static str> = E::FILES.iter().map(|(kind, _)| *kind).collect();
        self.remove_files(tenant, id, &kinds).await;
    }

    /// Removes files; what cannot be removed now is swept later.
    pub(crate) async fn remove_files(&self, tenant: &Tenant, id: Uuid, kinds: &[&'static str]) {
        for kind in kinds {
            let name = BlobName { tenant: tenant.clone(), kind, owner: id };
            if let Err(error) = self.blobs.delete(&name).await {
                tracing::warn!(%error, of = E::NAME, %id, kind, "could not remove a file; the sweeper will");
            }
        }
    }
}

fn topic(tenant: &Tenant, id: Uuid) -> Topic {
    Topic { tenant: tenant.clone(), node: id }
}
