//! A separate small file system, which can be filled and emptied.

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use tempfile::TempDir;

use super::Error;

/// The file that occupies the space.
const BALLAST: &str = "ballast";
const CHUNK: [u8; 4096] = [0x5a; 4096];

/// Restarts this program in a mount namespace that ends with it; `None` if the system does not permit that.
pub(crate) fn run_again_with_own_mounts() -> Option<ExitCode> {
    // Root needs no user namespace; other users become root in a namespace of their own.
    let worlds: [&[&str]; 2] = [&["--mount"], &["--user", "--map-root-user", "--mount"]];
    let can = |world: &&&[&str]| {
        let mut command = Command::new("unshare");
        command.args(**world).arg("true").stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    };
    let world = worlds.iter().find(can)?;
    let own = std::env::current_exe().ok()?;
    let mut command = Command::new("unshare");
    command.args(*world).arg("--").arg(own).args(std::env::args_os().skip(1)).arg("--own-mounts");
    // Returns only if it fails.
    let error = command.exec();
    println!("the program could not be restarted in a mount namespace: {error}");
    Some(ExitCode::FAILURE)
}

/// A file system of a given size, or a plain folder if none can be mounted.
pub(crate) struct Disk {
    folder: PathBuf,
    is_small: bool,
    _parent: TempDir,
}

impl Disk {
    /// Mounts a file system of that many MiB.
    pub(crate) fn new(mebibytes: usize) -> Result<Self, Error> {
        let parent = tempfile::tempdir()?;
        let folder = parent.path().join("disk");
        fs::create_dir(&folder)?;
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &format!("size={mebibytes}m,mode=700"), "faceql-torture"]);
        mount.arg(&folder).stderr(Stdio::null());
        let is_small = mount.status().is_ok_and(|status| status.success());
        Ok(Self { folder, is_small, _parent: parent })
    }

    /// The path of the disk.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Whether it can be filled.
    pub(crate) fn is_small(&self) -> bool {
        self.is_small
    }

    /// Leaves at most `left` bytes free.
    pub(crate) fn fill(&self, left: u64) -> Result<(), Error> {
        if !self.is_small {
            return Ok(());
        }
        let mut ballast = File::create(self.ballast())?;
        let mut size = 0_u64;
        loop {
            match ballast.write(&CHUNK) {
                Ok(written) => size += written as u64,
                Err(error) if error.kind() == ErrorKind::StorageFull => break,
                Err(error) => return Err(error.into()),
            }
        }
        Ok(ballast.set_len(size.saturating_sub(left))?)
    }

    /// Frees the space again.
    pub(crate) fn empty(&self) -> Result<(), Error> {
        match fs::remove_file(self.ballast()) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error.into()),
            _ => Ok(()),
        }
    }

    fn ballast(&self) -> PathBuf {
        self.folder.join(BALLAST)
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        if self.is_small {
            let _ = Command::new("umount").arg(&self.folder).stderr(Stdio::null()).status();
        }
    }
}
