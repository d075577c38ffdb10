//! Bytes: a thin configuration of `object_store` on a folder. Knows no domain.
//!
//! A blob is written before the row that names it and deleted after; one that no row names is swept.

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

use crate::config::{Setting, Settings};
use crate::private;

/// How many owners are asked for at once.
const BATCH: usize = 500;
/// Locked while a process has the folder.
const LOCK: &str = ".lock";
/// Written and deleted to see whether the folder is writable.
const PROBE: &str = ".probe";
/// A block of the disk.
const PROBE_BYTES: usize = 4096;

/// Where image bytes live.
#[derive(Clone, Debug)]
pub struct BlobsConfig {
    /// The folder; made when it is not there.
    pub folder: PathBuf,
}

impl BlobsConfig {
    pub(crate) fn read(settings: &mut Settings) -> Self {
        let folder = Setting {
            name: "FACEQL_BLOB_FOLDER",
            about: "Where uploaded bytes are kept while they are needed.",
        };
        Self { folder: settings.path(folder, ".faceql/data/blobs") }
    }
}

/// Why a blob could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum BlobError {
    /// There is none by that name.
    #[error("the blob is not there")]
    NotFound,
    /// The store failed.
    #[error("the blob store: {0}")]
    Store(object_store::Error),
    /// The folder could not be made or read.
    #[error("the blob folder {folder}: {source}")]
    Folder {
        /// The configured folder.
        folder: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Another process has it open: each would sweep what the other's database owns.
    #[error(
        "another FaceQL keeps its bytes in {folder}; stop it first, or give this one a FACEQL_BLOB_FOLDER and a \
         DATABASE_URL of its own"
    )]
    InUse {
        /// The configured folder.
        folder: PathBuf,
    },
}

impl BlobError {
    /// Whether the disk takes no more, or nothing at all: the same may succeed later.
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

/// Names a blob: its tenant, what kind of thing it belongs to, and which.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlobName {
    /// Whose it is.
    pub tenant: Tenant,
    /// The owner's kind, for example `images`.
    pub kind: &'static str,
    /// The owner.
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

/// The blob store. Cloning shares it.
#[derive(Clone)]
pub struct Blobs {
    store: Arc<LocalFileSystem>,
    folder: PathBuf,
    /// Held while the store is open.
    locks: Arc<[File]>,
}

impl Blobs {
    /// Opens the store and makes its folder. With `durable`, a blob is on the disk once written.
    ///
    /// # Errors
    /// When the folder cannot be made, or another process has it.
    pub fn open(config: &BlobsConfig, durable: bool) -> Result<Self, BlobError> {
        let folder = config.folder.clone();
        let failed = |source| BlobError::Folder { folder: folder.clone(), source };
        private::make_folder(&folder).map_err(failed)?;
        // The folder itself as well: its lock file could be removed, after which another process would make a new one.
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
    /// [`BlobError::Store`], with nothing stored.
    pub async fn put(&self, name: &BlobName, bytes: Bytes) -> Result<(), BlobError> {
        self.store.put(&name.path(), PutPayload::from_bytes(bytes)).await?;
        Ok(())
    }

    /// Stores `bytes` for a row that may be deleted meanwhile: when `exists` then says that it was, they go again. Done to
    /// the end also when nobody waits for it any longer.
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

    /// Whether blobs can be written: writes one, and deletes it.
    ///
    /// # Errors
    /// What hinders it.
    pub async fn probe(&self) -> Result<(), BlobError> {
        // Whether the disk keeps it does not matter here, so nothing waits for the disk.
        let store = self.store.as_ref().clone().with_fsync(false);
        let path = Path::from(PROBE);
        // A full disk still takes an empty file.
        store.put(&path, PutPayload::from_static(&[0; PROBE_BYTES])).await?;
        Ok(store.delete(&path).await?)
    }

    /// Reads a blob whole.
    ///
    /// # Errors
    /// [`BlobError::NotFound`] when it is not there.
    pub async fn get(&self, name: &BlobName) -> Result<Bytes, BlobError> {
        Ok(self.store.get(&name.path()).await?.bytes().await?)
    }

    /// What is known of a blob without reading it.
    ///
    /// # Errors
    /// [`BlobError::NotFound`] when it is not there.
    pub async fn look(&self, name: &BlobName) -> Result<ObjectMeta, BlobError> {
        Ok(self.store.head(&name.path()).await?)
    }

    /// Reads these bytes of a blob as they are taken from the stream.
    ///
    /// # Errors
    /// [`BlobError::NotFound`] when it is not there; the stream fails when the store does.
    pub async fn stream(
        &self,
        name: &BlobName,
        range: Range<u64>,
    ) -> Result<impl Stream<Item = Result<Bytes, BlobError>> + use<>, BlobError> {
        let options = GetOptions { range: Some(GetRange::Bounded(range)), ..GetOptions::default() };
        let found = self.store.get_opts(&name.path(), options).await?;
        Ok(found.into_stream().map_err(BlobError::from))
    }

    /// Deletes a blob; one that is not there is well.
    ///
    /// # Errors
    /// [`BlobError::Store`] when it may still be there.
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

    /// Removes the blobs of `kind` that were written before `time` and have no owner: `owners` tells which of some there
    /// are. Returns how many it removed.
    ///
    /// # Errors
    /// When the blob store fails, or `owners` does.
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

    /// Lets another process open the folder.
    pub fn close(&self) {
        for lock in self.locks.iter() {
            if let Err(error) = lock.unlock() {
                tracing::warn!(%error, "the blob folder stays locked until this process ends");
            }
        }
    }

    /// Removes what a killed process left half-written before `time`; such files are no blobs and never listed.
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

/// `object_store` stages a put in a file beside its target, named `TARGET#NUMBER`.
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
        let Err(refused) = Blobs::open(&config, false) else { panic!("it was opened twice") };
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
