//! One process owns the database: what it keeps in memory would not hear of another's writes. And what it writes must
//! still be the files that the next process finds under their names.

use std::fs::{File, TryLockError};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use sea_orm::DbErr;

use super::fault::storage_fault;
use super::{OpenError, folder_of};
use crate::private;

/// Held while a process has the database for itself.
///
/// The lock file alone could be removed, after which another process would make and lock a new one. So on Linux the
/// database file is locked as well, by flock, of which the POSIX locks that SQLite takes on the same file know nothing.
/// Elsewhere the two kinds may exclude each other. SQLite's own exclusive mode is no way: it shuts out our readers.
pub(super) struct Locks {
    beside: File,
    database: Option<File>,
}

impl Locks {
    /// Takes the locks of a database file, which is made when it is not there.
    pub(super) fn take(file: &Path) -> Result<Self, OpenError> {
        let failed = |source| OpenError::Folder { folder: folder_of(file), source };
        // First: closing the database file would take SQLite's own locks from a server in this same process.
        let beside = lock(File::create(file.with_extension("lock")).map_err(failed)?, file)?;
        // SQLite gives the files beside it the same permissions.
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

/// Which file a name leads to: the device, and the file's number there.
type FileId = (u64, u64);

/// The files that are open, and the locks on them.
pub(super) struct Ownership {
    locks: Option<Locks>,
    file: PathBuf,
    log: PathBuf,
    file_id: FileId,
    log_id: OnceLock<FileId>,
    /// Set for good: from then on there are two histories.
    is_lost: OnceLock<()>,
}

impl Ownership {
    /// Of a file that a connection has open. `locks` are `None` for a process that keeps nothing of it in memory.
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

    /// Sees that the next process will find what is written.
    ///
    /// # Errors
    /// When the database file or its write-ahead log was deleted or replaced, now or earlier.
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
            // It is made by the first connection that reads or writes, and stays until the last one is closed.
            (None, Ok(id)) => *self.log_id.get_or_init(|| id) == id,
            (None, Err(_)) => true,
        };
        has_log && is_same(&self.file, self.file_id)
    }

    /// Lets another process open the database.
    pub(super) fn release(&self) {
        if let Some(locks) = &self.locks {
            locks.release();
        }
    }
}

fn file_id(path: &Path) -> io::Result<FileId> {
    path.metadata().map(|metadata| (metadata.dev(), metadata.ino()))
}
