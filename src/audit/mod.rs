//! The audit log: who changed, searched or read what, and when. Entries contain only ids. Each carries an HMAC over
//! itself and the previous entry, so that any modification or removal without the server's secret is detected.
//!
//! The entry of a change is part of the change's write. All other entries wait in a bounded buffer for the
//! [`Recorder`], which writes them in batches, so that reads do not wait for writes. Independent of GraphQL, HTTP and
//! domains.

mod begun;
mod chain;
mod entry;
mod recorder;
mod repeats;
mod retention;
#[cfg(test)]
mod tests;
mod trail;
mod verify;

use std::sync::Arc;
use std::time::Duration;

use entity::ids::Tenant;
use entity::{audit_head, identity};
use parking_lot::{Mutex, MutexGuard};
use sea_orm::{ConnectionTrait, DbErr, EntityTrait};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};
use tracing::error;
use uuid::Uuid;

use crate::clock::Clock;
use crate::settings::section;
use crate::shares::{Full, Held, Party, SharedLimit, SharesConfig};
use crate::store::database::{Database, Write};
use crate::store::secret::Secret;
use begun::{Note, Noted};
use chain::{Chain, beginning, behind_gap};
use entry::{Entry, Origin};

pub use chain::{Handwriting, Head, ParseHeadError};
pub use recorder::Recorder;
pub use trail::{ActionGuard, Trail};
pub use verify::{Fault, Report};

/// Maximum number of entries that wait to be written or are reserved: several times the number of concurrent requests.
const BUFFER: usize = 4096;

/// How long a request waits for a slot in the buffer.
const PATIENCE: Duration = Duration::from_secs(5);

/// Actor of an image fetched by a signed link, where nothing else is known about the client.
const LINK: &str = "link";

section! {
    /// Settings of the audit log.
    #[derive(Clone, Debug)]
    pub struct AuditConfig {
        /// How long entries of the audit log are kept. 0: for ever.
        pub retention: Option<Duration> = seconds("FACEQL_AUDIT_RETENTION_SECONDS", 0, 0..=3_155_760_000)
            => |retention: Duration| (!retention.is_zero()).then_some(retention),
    }
}

/// Why an act is refused because it cannot be recorded.
#[derive(Clone, Copy, Debug, thiserror::Error)]
pub enum BufferFull {
    /// The buffer is full.
    #[error("the audit log cannot keep up; try again later")]
    Full,
    /// The party has used up its share of the buffer.
    #[error("too many audit log entries wait to be written: {0}")]
    Share(Full),
    /// The recorder cannot write the buffered entries.
    #[error("the audit log cannot be written at the moment; try again later")]
    Unwritable,
}

/// The audit log. Clones share the same state.
#[derive(Clone)]
pub struct AuditLog {
    database: Database,
    chain: Arc<Chain>,
    note: Arc<Note>,
    clock: Clock,
    retention: Option<Duration>,
    buffer: mpsc::Sender<Entry>,
    /// The buffer's slots, of which each party may hold a share.
    places: SharedLimit,
    /// When the recorder's current series of failures began; `None` while it succeeds.
    failing_since: Arc<Mutex<Option<Instant>>>,
}

/// A reserved slot in the buffer, so that recording an act cannot fail once the act has begun.
struct Permit {
    permit: mpsc::OwnedPermit<Entry>,
    place: Held,
}

impl Permit {
    fn send(self, entry: Entry) {
        self.permit.send(entry.at(Some(self.place)));
    }
}

impl AuditLog {
    /// The log in `database`, and the recorder that writes the entries that are not part of a write. `shares` limits
    /// how many entries of each party may wait.
    #[must_use]
    pub fn new(
        database: Database,
        secret: &Secret,
        clock: Clock,
        config: &AuditConfig,
        shares: SharesConfig,
    ) -> (Self, Recorder) {
        let (buffer, waiting) = mpsc::channel(BUFFER);
        let places = SharedLimit::new(BUFFER as u64, shares);
        let chain = Arc::new(Chain::new(secret));
        let note = Arc::new(Note::new(secret, database.file()));
        let failing_since = Arc::default();
        let retention = config.retention;
        let log = Self { database, chain, note, clock, retention, buffer, places, failing_since };
        (log.clone(), Recorder::new(log, waiting))
    }

    /// A log without a recorder, for processes that record only their writes.
    #[must_use]
    pub fn of_writes(database: Database, secret: &Secret, clock: Clock) -> Self {
        Self::new(database, secret, clock, &AuditConfig { retention: None }, SharesConfig::WHOLE).0
    }

    /// The trail of a request sent by `actor`. `request` is the request id; waiting entries use the share of `party`.
    #[must_use]
    pub fn trail(&self, tenant: &Tenant, actor: String, request: String, party: Party) -> Trail {
        Trail::new(self.clone(), self.origin(tenant, actor, request, party))
    }

    /// The trail of a request that is authorized only by a signed link.
    #[must_use]
    pub fn trail_of_link(&self, tenant: &Tenant, request: String, party: Party) -> Trail {
        self.trail(tenant, LINK.to_owned(), request, party)
    }

    /// The trail of a command: one entry per write.
    #[must_use]
    pub fn trail_of_command(&self, tenant: &Tenant, actor: String, command: &str) -> Trail {
        Trail::of_command(
            self.clone(),
            self.origin(tenant, actor, String::new(), Party::unlimited()),
            command,
        )
    }

    /// Appends entries as part of `write`.
    async fn append(&self, write: &mut Write, entries: &[Entry]) -> Result<(), DbErr> {
        let ends = match self.chain.ends(write).await? {
            Some(ends) => ends,
            None => self.begin(write).await?,
        };
        self.chain.append(write, ends, entries).await
    }

    /// The head of a log without entries. After the commit, the start of the log is recorded in the marker file; a log
    /// that was started before continues after a gap.
    async fn begin(&self, write: &mut Write) -> Result<audit_head::Model, DbErr> {
        let Some(database) = identity_in(&**write).await? else { return Ok(beginning()) };
        if self.note.read(Some(database)) == Noted::Begun {
            error!("{}; new entries follow after a gap", Fault::Emptied(self.note.file().to_owned()));
            return Ok(behind_gap(0));
        }
        let note = self.note.clone();
        // Writes a file and syncs it to disk, which happens once per database.
        write.after_commit(move || note.write(database));
        Ok(beginning())
    }

    /// Restores a lost marker file, and logs an error if the marker and the audit log contradict each other.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn see_to_note(&self) -> Result<(), DbErr> {
        let reader = self.database.reader();
        let (noted, is_empty) = self.noted(reader).await?;
        if let Some(fault) = self.fault_of_note(noted, is_empty) {
            error!("{fault}");
        }
        self.write_note(is_empty).await
    }

    /// Replaces the marker of the former secret with one sealed by this secret.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn renew_note(&self) -> Result<(), DbErr> {
        self.note.remove();
        self.write_note(chain::is_empty(self.database.reader()).await?).await
    }

    async fn write_note(&self, is_empty: bool) -> Result<(), DbErr> {
        if let (Some(database), false) = (identity_in(self.database.reader()).await?, is_empty) {
            self.note.write(database);
        }
        Ok(())
    }

    fn origin(&self, tenant: &Tenant, actor: String, request: String, party: Party) -> Arc<Origin> {
        Arc::new(Origin { tenant: tenant.clone(), actor, request, party, clock: self.clock.clone() })
    }

    /// Waits briefly for a slot in the buffer. Once no write has succeeded for that long, all requests for slots fail,
    /// so that a crash loses only the entries recorded until then.
    async fn seat(&self, party: &Party) -> Result<Permit, BufferFull> {
        if self.failing_since().is_some_and(|since| since.elapsed() >= PATIENCE) {
            return Err(BufferFull::Unwritable);
        }
        let place = timeout(PATIENCE, self.places.take_when_free(party, 1)).await;
        let place = place.map_err(|_| self.overrun(party))?;
        // Every holder of a slot has room in the buffer, unless the buffer is closed.
        let permit = self.buffer.clone().try_reserve_owned().map_err(|_| BufferFull::Full)?;
        Ok(Permit { permit, place })
    }

    fn overrun(&self, party: &Party) -> BufferFull {
        if self.failing_since().is_some() {
            return BufferFull::Unwritable;
        }
        match self.places.check(party, 1) {
            Err(share @ (Full::Key | Full::Tenant | Full::Address)) => BufferFull::Share(share),
            Err(Full::All) | Ok(()) => BufferFull::Full,
        }
    }

    fn failing_since(&self) -> MutexGuard<'_, Option<Instant>> {
        self.failing_since.lock()
    }
}

/// The database's identity; `None` before it has a secret.
async fn identity_in(database: &impl ConnectionTrait) -> Result<Option<Uuid>, DbErr> {
    let identity = identity::Entity::find_by_id(identity::Model::ID).one(database).await?;
    Ok(identity.map(|identity| identity.database))
}
