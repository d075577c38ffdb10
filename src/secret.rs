//! The server's own secret, kept in a file that only its user can read. What is signed with it is valid for as long as
//! the file stays the same. [`crate::identity`] says which secret a database needs, and when a new one may be made.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use ring::hmac::{self, HMAC_SHA256, Key};
use ring::rand::{SecureRandom, SystemRandom};
use zeroize::Zeroizing;

use crate::config::{Setting, Settings};
use crate::database::DatabaseConfig;
use crate::private;

/// Random bytes of the secret.
const BYTES: usize = 32;

/// Where the secret is.
#[derive(Clone, Debug)]
pub struct SecretConfig {
    /// The file; made together with a new database.
    pub file: PathBuf,
}

impl SecretConfig {
    /// The default is beside the database, wherever that is: the two belong together.
    pub(crate) fn read(settings: &mut Settings, database: &DatabaseConfig) -> Self {
        let file = Setting {
            name: "FACEQL_SECRET_FILE",
            about: "The server's secret: API keys are recognised, links to files signed and the audit log chained by it. \
                    The default is the file `secret` in the folder of the database. It is made together with a new \
                    database, and a database accepts no other one: keep it with your backups.",
        };
        let default = database.file.with_file_name("secret");
        Self { file: settings.path(file, &default.to_string_lossy()) }
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
        "{file} is not a secret of FaceQL, which holds 64 hexadecimal digits: put back the one of your backups; if there \
         is none, remove the file and see what `faceql secret reset` says"
    )]
    Malformed {
        /// The configured file.
        file: PathBuf,
    },
}

/// The secret. Not `Debug`: it must not reach a log.
#[derive(Clone)]
pub struct Secret {
    key: Key,
    file: PathBuf,
}

impl Secret {
    /// Reads the secret that is there.
    ///
    /// # Errors
    /// When its file cannot be read, or holds something else.
    pub fn read(config: &SecretConfig) -> Result<Self, SecretError> {
        let file = config.file.clone();
        let failed = |source| SecretError::File { file: file.clone(), source };
        let text = Zeroizing::new(fs::read_to_string(&file).map_err(failed)?);
        let mut bytes = Zeroizing::new([0; BYTES]);
        hex::decode_to_slice(text.trim(), bytes.as_mut())
            .map_err(|_| SecretError::Malformed { file: file.clone() })?;
        Ok(Self { key: Key::new(HMAC_SHA256, bytes.as_ref()), file })
    }

    /// Makes a secret where there is none. Only [`crate::identity`] knows when that is right.
    pub(crate) fn make(config: &SecretConfig) -> Result<Self, SecretError> {
        make(&config.file).map_err(|source| SecretError::File { file: config.file.clone(), source })?;
        Self::read(config)
    }

    /// Where it was read.
    #[must_use]
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// A key for one purpose; another purpose's key says nothing about it.
    #[must_use]
    pub fn key(&self, purpose: &str) -> Key {
        Key::new(HMAC_SHA256, hmac::sign(&self.key, purpose.as_bytes()).as_ref())
    }
}

fn make(file: &Path) -> io::Result<()> {
    let mut bytes = Zeroizing::new([0; BYTES]);
    SystemRandom::new().fill(bytes.as_mut()).map_err(|_| io::Error::other("no randomness"))?;
    let text = Zeroizing::new(hex::encode(bytes.as_ref()));
    private::write_new(file, text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_takes_no_others_place_and_nobody_else_can_read_it() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let config = SecretConfig { file: folder.path().join("data/secret") };
        assert!(Secret::read(&config).is_err() && !config.file.exists());
        let sign = |secret: &Secret, purpose| hmac::sign(&secret.key(purpose), b"text").as_ref().to_vec();

        let first = Secret::make(&config).unwrap();
        assert_eq!(fs::metadata(&config.file).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(Secret::make(&config).is_err());
        let again = Secret::read(&config).unwrap();
        assert_eq!(sign(&first, "files"), sign(&again, "files"));
        assert_ne!(sign(&first, "files"), sign(&first, "keys"));
        fs::write(&config.file, "not a secret").unwrap();
        assert!(matches!(Secret::read(&config), Err(SecretError::Malformed { .. })));
    }
}
