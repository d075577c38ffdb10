//! The blob store: a thin layer over `object_store` on a folder. Independent of domains.
//!
//! A blob is written before the row that refers to it and deleted after it. Blobs without a row are cleaned up.

use std::collections::HashSet;
use std::error::Error;
use std::fs::{File, TryLockError};
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use entity::ids::Tenant;
use futures_util::{Stream, TryStreamExt};
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{GetOptions, GetRange, ObjectMeta, ObjectStore, ObjectStoreExt, PutPayload};
use uuid::Uuid;

use super::private;
use crate::settings::section;

/// Number of owners looked up per query.
const BATCH: usize = 500;
/// Lock file, held while a process uses the folder.
const LOCK: &str = ".lock";
/// File written and deleted to check that the folder is writable.
const PROBE: &str = ".probe";
/// Size of the probe: one disk block.
const PROBE_BYTES: usize = 4096;

section! {
    /// Settings of the blob store.
    #[derive(Clone, Debug)]
    pub struct BlobsConfig {
        /// Folder of the uploaded bytes, which are kept while they are needed. It is created when it does not exist.
        pub folder: PathBuf = path("FACEQL_BLOB_FOLDER", ".faceql/data/blobs"),
    }
}

/// Why a blob could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum BlobError {
    /// There is no blob with that name.
    #[error("the blob does not exist")]
    NotFound,
    /// The store failed.
    #[error("the blob store: {0}")]
    Store(object_store::Error),
    /// The folder could not be created or read.
    #[error("the blob folder {folder}: {source}")]
    Folder {
        /// The configured folder.
        folder: PathBuf,
        /// Error of the operating system.
        source: std::io::Error,
    },
    /// Another process uses the folder; each would delete blobs that the other's database owns.
    #[error(
        "another FaceQL process uses the blob folder {folder}; stop it first, or give this one its own \
         FACEQL_BLOB_FOLDER and DATABASE_URL"
    )]
    InUse {
        /// The configured folder.
        folder: PathBuf,
    },
}

impl BlobError {
    /// Whether the disk is full or read-only, so that a retry may succeed later.
    #[must_use]
    pub fn is_for_want_of_room(&self) -> bool {
        use std::io::ErrorKind::{FileTooLarge, QuotaExceeded, ReadOnlyFilesystem, StorageFull};
        let Self::Store(error) = self else { return false };
        let causes = std::iter::successors(Some(error as &(dyn Error + 'static)), |&error| error.source());
        let mut kinds = causes.filter_map(|error| error.downcast_ref::<std::io::Error>());
        kinds.any(|error| {
            matches!(error.kind(), FileTooLarge | QuotaExceeded | ReadOnlyFilesystem | StorageFull)
        })
    }
}

impl From<object_store::Error> for BlobError {
    fn from(error: object_store::Error) -> Self {
        match error {
            object_store::Error::NotFound { .. } => Self::NotFound,
            other => Self::Store(other),
        }
    }
}

/// Name of a blob: the tenant, the kind of the owner and its id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlobName {
    /// Tenant that owns the blob.
    pub tenant: Tenant,
    /// Kind of the owner, such as `images`.
    pub kind: &'static str,
    /// Id of the owner.
    pub owner: Uuid,
}

impl BlobName {
    fn path(&self) -> Path {
        Path::from_iter([self.kind, self.tenant.as_str(), &self.owner.to_string()])
    }

    fn parse(path: &Path, kind: &'static str) -> Option<Self> {
        let mut parts = path.parts();
        let of_kind = parts.next()?.as_ref() == kind;
        let tenant = Tenant::parse(parts.next()?.as_ref())?;
        let owner = Uuid::parse_str(parts.next()?.as_ref()).ok()?;
        (of_kind && parts.next().is_none()).then_some(Self { tenant, kind, owner })
    }
}

/// The blob store. Clones share the same state.
#[derive(Clone)]
pub struct Blobs {
    store: Arc<LocalFileSystem>,
    folder: PathBuf,
    /// Held while the store is open.
    locks: Arc<[File]>,
}

impl Blobs {
    /// Opens the store and creates its folder. With `durable`, writes are synced to disk before they return.
    ///
    /// # Errors
    /// When the folder cannot be created, or another process uses it.
    pub fn open(config: &BlobsConfig, durable: bool) -> Result<Self, BlobError> {
        let folder = config.folder.clone();
        let failed = |source| BlobError::Folder { folder: folder.clone(), source };
        private::make_folder(&folder).map_err(failed)?;
        // Also locks the folder itself: the lock file could be removed, after which another process would create a new
        // one.
        let locks = [File::create(folder.join(LOCK)), File::open(&folder)].map(|file| file.map_err(failed));
        let locks = locks.into_iter().collect::<Result<Vec<_>, _>>()?;
        for lock in &locks {
            match lock.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Err(BlobError::InUse { folder }),
                Err(TryLockError::Error(source)) => return Err(failed(source)),
            }
        }
        let store = LocalFileSystem::new_with_prefix(&folder)?.with_fsync(durable);
        Ok(Self { store: Arc::new(store), folder, locks: locks.into() })
    }

    /// Stores `bytes` under `name`.
    ///
    /// # Errors
    /// [`BlobError::Store`]; nothing is stored then.
    pub async fn put(&self, name: &BlobName, bytes: Bytes) -> Result<(), BlobError> {
        self.store.put(&name.path(), PutPayload::from_bytes(bytes)).await?;
        Ok(())
    }

    /// Stores `bytes` for a row that may be deleted concurrently: if `exists` then returns false, they are removed
    /// again. Runs to completion even if the caller is cancelled.
    ///
    /// # Errors
    /// [`BlobError::Store`], with nothing stored.
    pub async fn put_while(
        &self,
        name: &BlobName,
        bytes: Bytes,
        exists: impl Future<Output = bool> + Send + 'static,
    ) -> Result<(), BlobError> {
        let (blobs, name) = (self.clone(), name.clone());
        let putting = tokio::spawn(async move {
            blobs.put(&name, bytes).await?;
            if exists.await { Ok(()) } else { blobs.delete(&name).await }
        });
        putting.await.unwrap_or(Err(BlobError::NotFound))
    }

    /// Checks that blobs can be written, by writing and deleting one.
    ///
    /// # Errors
    /// The reason why blobs cannot be written.
    pub async fn probe(&self) -> Result<(), BlobError> {
        // Durability does not matter here, so the probe is not synced.
        let store = self.store.as_ref().clone().with_fsync(false);
        let path = Path::from(PROBE);
        // An empty file can still be created on a full disk.
        store.put(&path, PutPayload::from_static(&[0; PROBE_BYTES])).await?;
        Ok(store.delete(&path).await?)
    }

    /// Reads a whole blob.
    ///
    /// # Errors
    /// [`BlobError::NotFound`] when there is no blob with that name.
    pub async fn get(&self, name: &BlobName) -> Result<Bytes, BlobError> {
        Ok(self.store.get(&name.path()).await?.bytes().await?)
    }

    /// Reads a blob's metadata without its content.
    ///
    /// # Errors
    /// [`BlobError::NotFound`] when there is no blob with that name.
    pub async fn look(&self, name: &BlobName) -> Result<ObjectMeta, BlobError> {
        Ok(self.store.head(&name.path()).await?)
    }

    /// Streams a range of a blob, read as the stream is consumed.
    ///
    /// # Errors
    /// [`BlobError::NotFound`] when there is no blob with that name; the stream fails when the store fails.
    pub async fn stream(
        &self,
        name: &BlobName,
        range: Range<u64>,
    ) -> Result<impl Stream<Item = Result<Bytes, BlobError>> + use<>, BlobError> {
        let options = GetOptions { range: Some(GetRange::Bounded(range)), ..GetOptions::default() };
        let found = self.store.get_opts(&name.path(), options).await?;
        Ok(found.into_stream().map_err(BlobError::from))
    }

    /// Deletes a blob; succeeds if it does not exist.
    ///
    /// # Errors
    /// [`BlobError::Store`] when the blob may still exist.
    pub async fn delete(&self, name: &BlobName) -> Result<(), BlobError> {
        match self.store.delete(&name.path()).await.map_err(BlobError::from) {
            Ok(()) | Err(BlobError::NotFound) => Ok(()),
            Err(error) => Err(error),
        }
    }

    async fn written_before(
        &self,
        time: DateTime<Utc>,
        kind: &'static str,
    ) -> Result<Vec<BlobName>, BlobError> {
        let mut listing = self.store.list(Some(&Path::from(kind)));
        let mut names = Vec::new();
        while let Some(blob) = listing.try_next().await? {
            if blob.last_modified < time {
                names.extend(BlobName::parse(&blob.location, kind));
            }
        }
        Ok(names)
    }

    /// Removes the blobs of `kind` that were written before `time` and have no owner; `owners` returns which of the
    /// given owners exist. Returns the number of removed blobs.
    ///
    /// # Errors
    /// When the blob store or `owners` fails.
    pub async fn remove_orphans<E, F>(
        &self,
        kind: &'static str,
        time: DateTime<Utc>,
        owners: impl Fn(Vec<Uuid>) -> F,
    ) -> Result<usize, E>
    where
        E: From<BlobError>,
        F: Future<Output = Result<HashSet<Uuid>, E>>,
    {
        let mut removed = 0;
        for names in self.written_before(time, kind).await?.chunks(BATCH) {
            let owned = owners(names.iter().map(|name| name.owner).collect()).await?;
            for name in names.iter().filter(|name| !owned.contains(&name.owner)) {
                self.delete(name).await?;
                removed += 1;
            }
        }
        Ok(removed)
    }

    /// Releases the folder for other processes.
    pub fn close(&self) {
        for lock in self.locks.iter() {
            if let Err(error) = lock.unlock() {
                tracing::warn!(%error, "the blob folder stays locked until this process ends");
            }
        }
    }

    /// Removes partial files that a killed process left before `time`; they are not blobs and are never listed.
    ///
    /// # Errors
    /// [`BlobError::Folder`] when the folder cannot be read.
    pub async fn remove_half_written(&self, time: DateTime<Utc>) -> Result<usize, BlobError> {
        let folder = self.folder.clone();
        let failed = |source| BlobError::Folder { folder: self.folder.clone(), source };
        let removal = tokio::task::spawn_blocking(move || remove_staged_files(&folder, time.into()));
        removal.await.map_err(std::io::Error::other).and_then(|count| count).map_err(failed)
    }
}

/// `object_store` stages a write in a file next to its target, named `TARGET#NUMBER`.
fn remove_staged_files(folder: &std::path::Path, before: std::time::SystemTime) -> std::io::Result<usize> {
    let mut removed = 0;
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            removed += remove_staged_files(&entry.path(), before)?;
        } else if entry.file_name().to_string_lossy().contains('#') && entry.metadata()?.modified()? < before
        {
            std::fs::remove_file(entry.path())?;
            removed += 1;
        }
    }
    Ok(removed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name() -> BlobName {
        BlobName { tenant: Tenant::parse("acme").unwrap(), kind: "images", owner: Uuid::now_v7() }
    }

    #[tokio::test]
    async fn a_blob_is_read_back_listed_and_deleted() {
        let folder = tempfile::tempdir().unwrap();
        let blobs = Blobs::open(&BlobsConfig { folder: folder.path().into() }, true).unwrap();
        let (name, later) = (name(), DateTime::<Utc>::MAX_UTC);

        blobs.put(&name, Bytes::from_static(b"bytes")).await.unwrap();
        assert_eq!(blobs.get(&name).await.unwrap(), "bytes");
        assert_eq!(blobs.written_before(later, "images").await.unwrap(), std::slice::from_ref(&name));
        assert_eq!(blobs.written_before(later, "chips").await.unwrap(), []);
        assert_eq!(blobs.written_before(DateTime::UNIX_EPOCH, "images").await.unwrap(), []);

        blobs.delete(&name).await.unwrap();
        blobs.delete(&name).await.unwrap();
        assert!(matches!(blobs.get(&name).await, Err(BlobError::NotFound)));
    }

    #[tokio::test]
    async fn folder_has_one_process_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let config = BlobsConfig { folder: folder.path().into() };
        let first = Blobs::open(&config, false).unwrap();
        first.probe().await.unwrap();
        let Err(refused) = Blobs::open(&config, false) else { panic!("the folder was opened twice") };
        assert!(["FACEQL_BLOB_FOLDER", "DATABASE_URL"].iter().all(|name| refused.to_string().contains(name)));
        first.close();
        Blobs::open(&config, false).unwrap();
    }

    #[tokio::test]
    async fn half_written_files_of_a_killed_process_are_removed() {
        let folder = tempfile::tempdir().unwrap();
        let blobs = Blobs::open(&BlobsConfig { folder: folder.path().into() }, false).unwrap();
        let images = folder.path().join("images/acme");
        std::fs::create_dir_all(&images).unwrap();
        std::fs::write(images.join(format!("{}#1", Uuid::nil())), b"half").unwrap();
        let later = chrono::DateTime::from(std::time::SystemTime::now() + std::time::Duration::from_mins(1));

        assert_eq!(blobs.remove_half_written(later).await.unwrap(), 1);
        assert_eq!(std::fs::read_dir(images).unwrap().count(), 0);
    }
}
