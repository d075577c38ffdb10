//! A real file system of a few megabytes, which a test fills and frees.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

/// A tmpfs, mounted until this is dropped.
pub(crate) struct Disk {
    folder: TempDir,
    /// Without root: the process that holds the namespaces in which it is mounted.
    holder: Option<Child>,
}

impl Disk {
    /// `None` if no tmpfs can be mounted; prints the reason.
    #[expect(clippy::print_stdout, reason = "reports which test was skipped, and why")]
    pub(crate) fn of_megabytes(size: u32) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let mount = format!("mount -t tmpfs -o size={size}m,mode=700 tmpfs '{}'", folder.path().display());
        if shell(&mount).status().is_ok_and(|status| status.success()) {
            return Some(Self { folder, holder: None });
        }
        let hold = ["-Urm", "sh", "-c", &format!("{mount} && echo mounted && exec sleep 3600")];
        let holder = Command::new("unshare").args(hold).stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
        if let Ok(mut holder) = holder {
            let mut mounted = [0; 7];
            let is_mounted = holder.stdout.take().unwrap().read_exact(&mut mounted).is_ok();
            let disk = Self { folder, holder: Some(holder) };
            if is_mounted {
                return Some(disk);
            }
        }
        println!("skipped: neither root nor a user namespace may mount a tmpfs here");
        None
    }

    /// Its path for the processes of [`Self::beside`].
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// `command` as a process that can access the disk.
    pub(crate) fn beside(&self, command: Command) -> Command {
        let Some(holder) = &self.holder else { return command };
        let (id, folder) = (holder.id().to_string(), self.folder().to_str().unwrap());
        let enter: [&str; 7] = ["nsenter", "-t", &id, "-U", "-m", "--preserve-credentials", "--"];
        // The process's working directory is still the one below the mount point.
        let within: [&str; 4] = ["sh", "-c", "cd \"$0\" && exec \"$@\"", folder];
        wrapped(&[enter.as_slice(), within.as_slice()].concat(), &command)
    }

    /// Fills the disk completely.
    pub(crate) fn fill(&self) {
        let mut filler = OpenOptions::new().create(true).append(true).open(self.filler()).unwrap();
        for size in [1 << 16, 1 << 12, 1] {
            while write(&mut filler, size) {}
        }
    }

    /// Frees what [`Self::fill`] occupied.
    pub(crate) fn free(&self) {
        std::fs::remove_file(self.filler()).unwrap();
    }

    fn filler(&self) -> PathBuf {
        let folder = self.folder();
        let seen = self.holder.as_ref().map(|holder| PathBuf::from(format!("/proc/{}/root", holder.id())));
        let folder = seen.map_or(folder.to_owned(), |root| root.join(folder.strip_prefix("/").unwrap()));
        folder.join("filler")
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        match &mut self.holder {
            Some(holder) => {
                let _ = holder.kill();
                let _ = holder.wait();
            }
            None => {
                let _ = shell(&format!("umount -l '{}'", self.folder.path().display())).status();
            }
        }
    }
}

/// Whether that many bytes could be written.
fn write(file: &mut File, size: usize) -> bool {
    match file.write_all(&vec![0; size]) {
        Ok(()) => true,
        Err(error) if error.kind() == ErrorKind::StorageFull => false,
        Err(error) => panic!("{error}"),
    }
}

fn shell(script: &str) -> Command {
    let mut shell = Command::new("sh");
    shell.args(["-c", script]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    shell
}

/// `command` started through `wrapper`, with the same folder and environment and piped outputs.
pub(crate) fn wrapped(wrapper: &[&str], command: &Command) -> Command {
    let mut outer = Command::new(wrapper[0]);
    outer.args(&wrapper[1..]).arg(command.get_program()).args(command.get_args()).env_clear();
    outer.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    outer.env("PATH", std::env::var_os("PATH").unwrap());
    outer.current_dir(command.get_current_dir().unwrap());
    outer.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    outer
}
