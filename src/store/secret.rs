//! The server's secret, stored in a file that only its user can read. Signatures stay valid as long as the file does
//! not change. [`crate::access::database_secret`] defines which secret a database requires, and when a new one may be
//! created.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use ring::hmac::{self, HMAC_SHA256, Key};
use ring::rand::{SecureRandom, SystemRandom};
use zeroize::Zeroizing;

use super::database::DatabaseConfig;
use super::private;
use crate::settings::{Setting, Settings};

/// Length of the secret, in random bytes.
const BYTES: usize = 32;

/// Location of the secret.
#[derive(Clone, Debug)]
pub struct SecretConfig {
    /// The file, which is created together with a new database.
    pub file: PathBuf,
}

impl SecretConfig {
    /// By default beside the database file, because the two belong together.
    pub(crate) fn read(settings: &mut Settings, database: &DatabaseConfig) -> Self {
        let file = Setting::new(
            "FACEQL_SECRET_FILE",
            "File with the server's secret, which recognises API keys, signs links to files and seals the audit log. It is \
             created together with a new database, by default as `secret` in the database's folder, and a database accepts \
             no other one. Back it up with the database.",
        );
        let default = database.file.with_file_name("secret");
        Self { file: settings.path(file, &default.to_string_lossy()) }
    }
}

/// Why the secret could not be loaded.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The file could not be read or created.
    #[error("the secret {file} of FACEQL_SECRET_FILE: {source}")]
    File {
        /// The configured file.
        file: PathBuf,
        /// Error of the operating system.
        source: io::Error,
    },
    /// The file does not contain a secret.
    #[error(
        "{file} is not a secret of FaceQL, which has 64 hexadecimal digits: restore the file from a backup; if there \
         is none, remove the file and follow the instructions of `faceql secret reset`"
    )]
    Malformed {
        /// The configured file.
        file: PathBuf,
    },
}

/// The secret. Deliberately not `Debug`, so that it cannot be logged.
#[derive(Clone)]
pub struct Secret {
    key: Key,
    file: PathBuf,
}

impl Secret {
    /// Reads the existing secret.
    ///
    /// # Errors
    /// When the file cannot be read or does not contain a secret.
    pub fn read(config: &SecretConfig) -> Result<Self, SecretError> {
        let file = config.file.clone();
        let failed = |source| SecretError::File { file: file.clone(), source };
        let text = Zeroizing::new(fs::read_to_string(&file).map_err(failed)?);
        let mut bytes = Zeroizing::new([0; BYTES]);
        hex::decode_to_slice(text.trim(), bytes.as_mut())
            .map_err(|_| SecretError::Malformed { file: file.clone() })?;
        Ok(Self { key: Key::new(HMAC_SHA256, bytes.as_ref()), file })
    }

    /// Creates a secret where none exists. Only [`crate::access::database_secret`] decides when that is allowed.
    pub(crate) fn make(config: &SecretConfig) -> Result<Self, SecretError> {
        make(&config.file).map_err(|source| SecretError::File { file: config.file.clone(), source })?;
        Self::read(config)
    }

    /// The file from which the secret was read.
    #[must_use]
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// Derives a key for one purpose; keys of different purposes are independent.
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
