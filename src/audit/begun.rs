//! A marker file beside the secret, outside of the database, lists the databases that have started a log: otherwise an
//! emptied log would look like one that was never started. The marker is sealed with the secret. Anyone with write
//! access to the secret's folder can remove it; only a head saved elsewhere reveals that.

use std::ffi::OsString;
use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use ring::hmac::{self, Key};
use serde::{Deserialize, Serialize};
use tracing::{info, warn};
use uuid::Uuid;

use crate::store::secret::Secret;

/// Suffix of the marker's file name after the secret's.
const ENDING: &str = ".audit";

/// The marker file as seen from one database.
#[derive(Clone)]
pub(super) struct Note {
    file: PathBuf,
    key: Key,
    /// Path of the database file.
    database: String,
}

/// What the marker says about a database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Noted {
    /// There is no marker.
    Nothing,
    /// The marker does not list the database.
    Others,
    /// The log was started.
    Begun,
    /// A log was started in another database whose file had the same path.
    BegunByAnother,
    /// The marker cannot be read, was modified outside FaceQL, or was sealed with another secret.
    Changed,
}

#[derive(Serialize, Deserialize)]
struct Sealed {
    /// A list of [`Begun`] as JSON.
    begun: String,
    /// HMAC of the list, in hexadecimal.
    seal: String,
}

#[derive(Clone, Serialize, Deserialize)]
struct Begun {
    /// Identity of the database.
    database: Uuid,
    /// Path of the database file at that time.
    file: String,
}

impl Note {
    pub(super) fn new(secret: &Secret, database: &Path) -> Self {
        let mut file = OsString::from(secret.file());
        file.push(ENDING);
        let database = database.to_string_lossy().into_owned();
        Self { file: file.into(), key: secret.key("audit begun"), database }
    }

    pub(super) fn file(&self) -> &Path {
        &self.file
    }

    /// What the marker says about the database with this identity.
    pub(super) fn read(&self, database: Option<Uuid>) -> Noted {
        match self.text() {
            Ok(None) => Noted::Nothing,
            Ok(Some(text)) => {
                self.unsealed(&text).map_or(Noted::Changed, |begun| self.verdict(&begun, database))
            }
            Err(_) => Noted::Changed,
        }
    }

    /// Removes the marker of a log that was written with another secret.
    pub(super) fn remove(&self) {
        match fs::remove_file(&self.file) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                warn!(file = %self.file.display(), %error, "could not remove the former secret's marker file");
            }
            _ => {}
        }
    }

    /// Records that the log of the database with this identity was started: once per database, at its first entry, and
    /// again if the marker was lost or the database was moved.
    pub(super) fn write(&self, database: Uuid) {
        let file = self.file.display();
        match self.try_write(database) {
            Ok(true) => info!(%file, "recorded the start of the audit log; keep this file with the secret"),
            Ok(false) => {}
            Err(error) => warn!(
                %file, %error,
                "could not record that the audit log was started; the removal of the whole log would go undetected"
            ),
        }
    }

    /// Whether the marker had to be changed. A marker modified outside FaceQL is left as it is.
    fn try_write(&self, database: Uuid) -> io::Result<bool> {
        let begun = match self.text()? {
            Some(text) => {
                self.unsealed(&text).ok_or_else(|| io::Error::other("it was modified outside FaceQL"))?
            }
            None => Vec::new(),
        };
        let is_this = |begun: &Begun| begun.database == database;
        if begun.iter().any(|begun| is_this(begun) && begun.file == self.database) {
            return Ok(false);
        }
        let mut begun: Vec<Begun> = begun.into_iter().filter(|begun| !is_this(begun)).collect();
        begun.push(Begun { database, file: self.database.clone() });
        let begun = serde_json::to_string(&begun)?;
        let seal = hex::encode(hmac::sign(&self.key, begun.as_bytes()));
        crate::store::private::replace(&self.file, &serde_json::to_vec(&Sealed { begun, seal })?)?;
        Ok(true)
    }

    fn text(&self) -> io::Result<Option<String>> {
        match fs::read_to_string(&self.file) {
            Ok(text) => Ok(Some(text)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The marker's list; `None` if the marker was modified outside FaceQL.
    fn unsealed(&self, text: &str) -> Option<Vec<Begun>> {
        let Sealed { begun, seal } = serde_json::from_str(text).ok()?;
        hmac::verify(&self.key, begun.as_bytes(), &hex::decode(seal).ok()?).ok()?;
        serde_json::from_str(&begun).ok()
    }

    fn verdict(&self, begun: &[Begun], database: Option<Uuid>) -> Noted {
        if begun.iter().any(|begun| Some(begun.database) != database && begun.file == self.database) {
            Noted::BegunByAnother
        } else if begun.iter().any(|begun| Some(begun.database) == database) {
            Noted::Begun
        } else {
            Noted::Others
        }
    }
}
