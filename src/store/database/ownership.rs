//! One process owns the database: its in-memory state would not reflect writes of other processes. The owner also
//! checks that its open files are still the ones that the next process will find under their names.

use std::fs::{File, TryLockError};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use sea_orm::DbErr;

use super::fault::storage_fault;
use super::{OpenError, folder_of};
use crate::store::private;

/// Locks held while a process owns the database.
///
/// The lock file alone could be removed, after which another process would create and lock a new one. So on Linux the
/// database file itself is locked as well, with flock, which is independent of SQLite's POSIX locks on the same file.
/// On other systems the two kinds may conflict. SQLite's exclusive mode is not an option, because it excludes our
/// readers.
pub(super) struct Locks {
    beside: File,
    database: Option<File>,
}

impl Locks {
    /// Takes the locks of a database file, which is created if it does not exist.
    pub(super) fn take(file: &Path) -> Result<Self, OpenError> {
        let failed = |source| OpenError::Folder { folder: folder_of(file), source };
        // First: closing the database file would release SQLite's own locks of a server in this same process.
        let beside = lock(File::create(file.with_extension("lock")).map_err(failed)?, file)?;
        // SQLite gives its auxiliary files the same permissions.
        private::make_file(file).map_err(failed)?;
        let database = if cfg!(target_os = "linux") {
            Some(lock(File::open(file).map_err(failed)?, file)?)
        } else {
            None
        };
        Ok(Self { beside, database })
    }

    fn release(&self) {
        for lock in self.database.iter().chain([&self.beside]) {
            if let Err(error) = lock.unlock() {
                tracing::warn!(%error, "the database stays locked until this process ends");
            }
        }
    }
}

fn lock(lock: File, file: &Path) -> Result<File, OpenError> {
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(OpenError::InUse),
        Err(TryLockError::Error(source)) => Err(OpenError::Folder { folder: folder_of(file), source }),
    }
}

/// Identifies the file behind a name: device and inode number.
type FileId = (u64, u64);

/// The open files and the locks on them.
pub(super) struct Ownership {
    locks: Option<Locks>,
    file: PathBuf,
    log: PathBuf,
    file_id: FileId,
    log_id: OnceLock<FileId>,
    /// Never reset: once the files differ, there are two diverging histories.
    is_lost: OnceLock<()>,
}

impl Ownership {
    /// For a file that a connection has open. `locks` is `None` for a process that keeps no data of it in memory.
    pub(super) fn new(file: &Path, locks: Option<Locks>) -> io::Result<Self> {
        let mut log = file.canonicalize()?.into_os_string();
        log.push("-wal");
        Ok(Self {
            locks,
            file_id: file_id(file)?,
            file: file.to_owned(),
            log: log.into(),
            log_id: OnceLock::new(),
            is_lost: OnceLock::new(),
        })
    }

    /// Checks that the next process will find what is written.
    ///
    /// # Errors
    /// When the database file or its write-ahead log has ever been deleted or replaced since it was opened.
    pub(super) fn check(&self) -> Result<(), DbErr> {
        if self.is_lost.get().is_some() || !self.is_in_place() {
            self.is_lost.get_or_init(|| ());
            let file = self.file.display();
            return Err(storage_fault(format!(
                "{file} or its -wal file was deleted or replaced while it was open; restart the server"
            )));
        }
        Ok(())
    }

    fn is_in_place(&self) -> bool {
        let is_same = |path: &Path, known: FileId| file_id(path).is_ok_and(|id| id == known);
        let has_log = match (self.log_id.get(), file_id(&self.log)) {
            (Some(known), Ok(id)) => *known == id,
            (Some(_), Err(_)) => false,
            // The log is created by the first connection that reads or writes, and exists until the last one is closed.
            (None, Ok(id)) => *self.log_id.get_or_init(|| id) == id,
            (None, Err(_)) => true,
        };
        has_log && is_same(&self.file, self.file_id)
    }

    /// Releases the database for other processes.
    pub(super) fn release(&self) {
        if let Some(locks) = &self.locks {
            locks.release();
        }
    }
}

fn file_id(path: &Path) -> io::Result<FileId> {
    path.metadata().map(|metadata| (metadata.dev(), metadata.ino()))
}
