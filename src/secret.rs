//! The server's own secret: made at its first start, kept in a file that only its user can read. What is signed with
//! it is valid for as long as the file stays the same.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use ring::hmac::{self, HMAC_SHA256, Key};
use ring::rand::{SecureRandom, SystemRandom};
use zeroize::Zeroizing;

use crate::config::{Setting, Settings};
use crate::private;

/// Random bytes of the secret.
const BYTES: usize = 32;

/// Where the secret is.
#[derive(Clone, Debug)]
pub struct SecretConfig {
    /// The file; made when it is not there.
    pub file: PathBuf,
}

impl SecretConfig {
    pub(crate) fn read(settings: &mut Settings) -> Self {
        let file = Setting {
            name: "FACEQL_SECRET_FILE",
            about: "The server's secret, by which keys are told, links to files are signed and the audit log is chained; \
                    made when it is not there. Without it every API key in the database is void: keep it with your \
                    backups.",
        };
        Self { file: settings.path(file, ".faceql/data/secret") }
    }
}

/// Why there is no secret.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The file could not be read or made.
    #[error("the secret {file} of FACEQL_SECRET_FILE: {source}")]
    File {
        /// The configured file.
        file: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file holds something else.
    #[error(
        "{file} is not a secret of ours, which holds 64 hexadecimal digits: put back the one of your backups; without one, \
         remove it, and a new one is made, by which every API key in the database is void, no link to a file is valid any \
         more, and the audit log counts as changed"
    )]
    Malformed {
        /// The configured file.
        file: PathBuf,
    },
}

/// The secret. Not `Debug`: it must not reach a log.
#[derive(Clone)]
pub struct Secret(Key);

impl Secret {
    /// Reads the secret, and makes one when there is none.
    ///
    /// # Errors
    /// When its file cannot be read or made, or holds something else.
    pub fn open(config: &SecretConfig) -> Result<Self, SecretError> {
        match Self::read(config) {
            Err(SecretError::File { file, source }) if source.kind() == ErrorKind::NotFound => {
                let text = make(&file).map_err(|source| SecretError::File { file, source })?;
                Self::of_text(config, &text)
            }
            read => read,
        }
    }

    /// Reads the secret that is there.
    ///
    /// # Errors
    /// When its file cannot be read, or holds something else.
    pub fn read(config: &SecretConfig) -> Result<Self, SecretError> {
        let failed = |source| SecretError::File { file: config.file.clone(), source };
        let text = Zeroizing::new(fs::read_to_string(&config.file).map_err(failed)?);
        Self::of_text(config, &text)
    }

    fn of_text(config: &SecretConfig, text: &str) -> Result<Self, SecretError> {
        let mut bytes = Zeroizing::new([0; BYTES]);
        hex::decode_to_slice(text.trim(), bytes.as_mut())
            .map_err(|_| SecretError::Malformed { file: config.file.clone() })?;
        Ok(Self(Key::new(HMAC_SHA256, bytes.as_ref())))
    }

    /// A key for one purpose; another purpose's key says nothing about it.
    #[must_use]
    pub fn key(&self, purpose: &str) -> Key {
        Key::new(HMAC_SHA256, hmac::sign(&self.0, purpose.as_bytes()).as_ref())
    }
}

/// Writes a new secret; it is there whole or not at all.
fn make(file: &Path) -> io::Result<Zeroizing<String>> {
    if let Some(folder) = file.parent() {
        private::make_folder(folder)?;
    }
    let mut bytes = Zeroizing::new([0; BYTES]);
    SystemRandom::new().fill(bytes.as_mut()).map_err(|_| io::Error::other("no randomness"))?;
    let text = Zeroizing::new(hex::encode(bytes.as_ref()));
    let half = file.with_extension("new");
    // One that a killed process left may be readable to others.
    match fs::remove_file(&half) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut written = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&half)?;
    written.write_all(text.as_bytes())?;
    written.sync_all()?;
    fs::rename(half, file)?;
    if let Some(folder) = file.parent() {
        File::open(folder)?.sync_all()?;
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_made_once_and_nobody_else_can_read_it() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let config = SecretConfig { file: folder.path().join("data/secret") };
        assert!(Secret::read(&config).is_err() && !config.file.exists());
        let sign = |secret: &Secret, purpose| hmac::sign(&secret.key(purpose), b"text").as_ref().to_vec();

        let first = Secret::open(&config).unwrap();
        assert_eq!(fs::metadata(&config.file).unwrap().permissions().mode() & 0o777, 0o600);
        let again = Secret::open(&config).unwrap();
        assert_eq!(sign(&first, "files"), sign(&again, "files"));
        assert_ne!(sign(&first, "files"), sign(&first, "keys"));
        fs::write(&config.file, "not a secret").unwrap();
        assert!(matches!(Secret::open(&config), Err(SecretError::Malformed { .. })));
    }
}
