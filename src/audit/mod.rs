//! The audit log: who changed, searched or read what, and when. An entry holds ids alone, and carries an HMAC over itself
//! and the one before it, so that whoever changes or removes one without the server's secret is found out.
//!
//! The entry of a change is part of its write. All others wait in a bounded buffer for the [`Recorder`], which writes
//! many together: reading waits for no write. Knows no GraphQL, no HTTP and no domain.

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

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use entity::ids::Tenant;
use entity::{audit_head, identity};
use sea_orm::{ConnectionTrait, DbErr, EntityTrait};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};
use tracing::error;
use uuid::Uuid;

use crate::clock::Clock;
use crate::config::{Setting, Settings};
use crate::database::{Database, Write};
use crate::secret::Secret;
use crate::shares::{Full, Held, Party, SharedLimit, SharesConfig};
use begun::{Note, Noted};
use chain::{Chain, beginning, behind_gap};
use entry::{Entry, Origin};

pub use chain::{Handwriting, Head, NoHead};
pub use recorder::Recorder;
pub use trail::{Doing, Trail};
pub use verify::{Fault, Report};

/// Entries that wait to be written or may yet be noted, at most: several times as many as there are requests at once.
const BUFFER: usize = 4096;

/// How long a request waits for room in the buffer.
const PATIENCE: Duration = Duration::from_secs(5);

/// Who is noted when a picture is fetched by its link: nobody knows more of them.
const LINK: &str = "link";

/// How the audit log is kept.
#[derive(Clone, Debug)]
pub struct AuditConfig {
    /// How long an entry is kept; `None` means for ever.
    pub retention: Option<Duration>,
}

impl AuditConfig {
    pub(crate) fn read(settings: &mut Settings) -> Self {
        let retention = Setting {
            name: "FACEQL_AUDIT_RETENTION_SECONDS",
            about: "How long entries of the audit log are kept; 0 keeps them for ever.",
        };
        let retention = settings.seconds(retention, 0, 0..=3_155_760_000);
        Self { retention: (!retention.is_zero()).then_some(retention) }
    }
}

/// Nobody may do or see what cannot be noted.
#[derive(Clone, Copy, Debug, thiserror::Error)]
pub enum Overrun {
    /// The buffer is full.
    #[error("the audit log cannot keep up; try again later")]
    Full,
    /// Who would be noted has as many entries in the buffer as it may have.
    #[error("too much of the audit log waits to be written: {0}")]
    Share(Full),
    /// What is in the buffer cannot be written.
    #[error("the audit log cannot be written at the moment; try again later")]
    Unwritable,
}

/// The log. Cloning shares it.
#[derive(Clone)]
pub struct AuditLog {
    database: Database,
    chain: Arc<Chain>,
    note: Arc<Note>,
    clock: Clock,
    retention: Option<Duration>,
    buffer: mpsc::Sender<Entry>,
    /// The places in it, of which everybody may have a share.
    places: SharedLimit,
    /// Since when the recorder has failed to write what it holds; `None` while it succeeds.
    failing_since: Arc<Mutex<Option<Instant>>>,
}

/// A place in the buffer, so that noting what was done cannot fail once it has begun.
struct Seat {
    permit: mpsc::OwnedPermit<Entry>,
    place: Held,
}

impl Seat {
    fn send(self, entry: Entry) {
        self.permit.send(entry.at(Some(self.place)));
    }
}

impl AuditLog {
    /// The log in `database`, and what writes down the entries that are part of no write. Of those that wait, everybody may
    /// have the share that `shares` say.
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

    /// The log in `database`, for those of whom only what they write is noted.
    #[must_use]
    pub fn of_writes(database: Database, secret: &Secret, clock: Clock) -> Self {
        Self::new(database, secret, clock, &AuditConfig { retention: None }, SharesConfig::WHOLE).0
    }

    /// For what a request leaves, which `actor` sent. `request` is its id; what waits of it counts on `party`.
    #[must_use]
    pub fn trail(&self, tenant: &Tenant, actor: String, request: String, party: Party) -> Trail {
        Trail::new(self.clone(), self.origin(tenant, actor, request, party))
    }

    /// For what somebody sees who has a link.
    #[must_use]
    pub fn trail_of_link(&self, tenant: &Tenant, request: String, party: Party) -> Trail {
        self.trail(tenant, LINK.to_owned(), request, party)
    }

    /// For what a command does from the shell: one entry for each of its writes.
    #[must_use]
    pub fn trail_of_command(&self, tenant: &Tenant, actor: String, command: &str) -> Trail {
        Trail::of_command(self.clone(), self.origin(tenant, actor, String::new(), Party::nobody()), command)
    }

    /// Adds entries as part of `write`.
    async fn append(&self, write: &mut Write, entries: &[Entry]) -> Result<(), DbErr> {
        let ends = match self.chain.ends(write).await? {
            Some(ends) => ends,
            None => self.begin(write).await?,
        };
        self.chain.append(write, ends, entries).await
    }

    /// The ends of a log without an entry. That it begins is noted outside of the database once it has; one that was
    /// begun before goes on behind a gap.
    async fn begin(&self, write: &mut Write) -> Result<audit_head::Model, DbErr> {
        let Some(database) = identity_in(&**write).await? else { return Ok(beginning()) };
        if self.note.read(Some(database)) == Noted::Begun {
            error!("{}; it goes on behind a gap", Fault::Emptied(self.note.file().to_owned()));
            return Ok(behind_gap(0));
        }
        let note = self.note.clone();
        // It writes a file and waits for the disk; that happens once in a database's life.
        write.after_commit(move || note.write(database));
        Ok(beginning())
    }

    /// Notes outside of the database that the log was begun, where the note was lost; says it in the service's log when
    /// the note and the audit log contradict each other.
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

    /// Has the note say of this secret's log what it said of the former secret's.
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

    /// Waits for a place in the buffer, but not for long. Once nothing could be written for as long, there are none, so that
    /// a crash loses no more than what was noted until then.
    async fn seat(&self, party: &Party) -> Result<Seat, Overrun> {
        if self.failing_since().is_some_and(|since| since.elapsed() >= PATIENCE) {
            return Err(Overrun::Unwritable);
        }
        let place = timeout(PATIENCE, self.places.take_when_free(party, 1)).await;
        let place = place.map_err(|_| self.overrun(party))?;
        // There is room in the buffer for all who have a place, unless it is closed.
        let permit = self.buffer.clone().try_reserve_owned().map_err(|_| Overrun::Full)?;
        Ok(Seat { permit, place })
    }

    fn overrun(&self, party: &Party) -> Overrun {
        if self.failing_since().is_some() {
            return Overrun::Unwritable;
        }
        match self.places.check(party, 1) {
            Err(share @ (Full::Key | Full::Tenant | Full::Address)) => Overrun::Share(share),
            Err(Full::All) | Ok(()) => Overrun::Full,
        }
    }

    fn failing_since(&self) -> MutexGuard<'_, Option<Instant>> {
        self.failing_since.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What tells the database from others; `None` before it has a secret.
async fn identity_in(database: &impl ConnectionTrait) -> Result<Option<Uuid>, DbErr> {
    let identity = identity::Entity::find_by_id(identity::Model::ID).one(database).await?;
    Ok(identity.map(|identity| identity.database))
}
