//! Beside the secret, outside of the database, is noted which databases have begun a log: an emptied log looks like one
//! that was never begun. The note is sealed by the secret. Who can change files in the secret's folder can remove it; of
//! that, only a head that is kept elsewhere tells.

use std::ffi::OsString;
use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use ring::hmac::{self, Key};
use serde::{Deserialize, Serialize};
use tracing::{info, warn};
use uuid::Uuid;

use crate::secret::Secret;

/// What the note's name has behind the secret's.
const ENDING: &str = ".audit";

/// Where it is noted.
#[derive(Clone)]
pub(super) struct Note {
    file: PathBuf,
    key: Key,
    /// The database's file.
    database: String,
}

/// What the note says of a database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Noted {
    /// There is no note.
    Nothing,
    /// It does not name the database.
    Others,
    /// The log was begun.
    Begun,
    /// A log was begun in another database, whose file had the same path.
    BegunByAnother,
    /// It cannot be read, another hand has changed it, or another secret sealed it.
    Changed,
}

#[derive(Serialize, Deserialize)]
struct Sealed {
    /// A list of [`Begun`] as JSON.
    begun: String,
    /// HMAC over that, in hexadecimal.
    seal: String,
}

#[derive(Clone, Serialize, Deserialize)]
struct Begun {
    /// The database's identity.
    database: Uuid,
    /// Where it was then.
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

    /// What is noted of the database with this identity.
    pub(super) fn read(&self, database: Option<Uuid>) -> Noted {
        match self.text() {
            Ok(None) => Noted::Nothing,
            Ok(Some(text)) => {
                self.unsealed(&text).map_or(Noted::Changed, |begun| self.verdict(&begun, database))
            }
            Err(_) => Noted::Changed,
        }
    }

    /// Removes the note of another secret's log.
    pub(super) fn remove(&self) {
        match fs::remove_file(&self.file) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                warn!(file = %self.file.display(), %error, "could not remove the note of the former secret");
            }
            _ => {}
        }
    }

    /// Notes that the log of the database with this identity was begun. That happens once for each database, at its
    /// first entry; and again where the note was lost or the database has moved.
    pub(super) fn write(&self, database: Uuid) {
        let file = self.file.display();
        match self.try_write(database) {
            Ok(true) => info!(%file, "noted that the audit log was begun: keep the file with the secret"),
            Ok(false) => {}
            Err(error) => warn!(
                %file, %error,
                "could not note that the audit log was begun: nobody would notice if all of it were removed"
            ),
        }
    }

    /// Whether the note had to be changed. One that another hand has changed stays as it is.
    fn try_write(&self, database: Uuid) -> io::Result<bool> {
        let begun = match self.text()? {
            Some(text) => self.unsealed(&text).ok_or_else(|| io::Error::other("it was changed"))?,
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
        crate::private::replace(&self.file, &serde_json::to_vec(&Sealed { begun, seal })?)?;
        Ok(true)
    }

    fn text(&self) -> io::Result<Option<String>> {
        match fs::read_to_string(&self.file) {
            Ok(text) => Ok(Some(text)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// What the note says, unless another hand has changed it.
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
