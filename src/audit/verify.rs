//! Verifies that the log is as it was written.

use std::fmt;
use std::path::PathBuf;

use entity::audit_entry::{Column, Entity, Model};
use entity::audit_head;
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect, TransactionTrait,
};

use super::begun::Noted;
use super::chain::{Chain, Head, beginning, is_empty, stored_ends};
use super::{AuditLog, identity_in};

/// Entries read per query.
const PAGE: u64 = 1000;

/// Maximum number of faults listed; further ones are counted.
const TOLD: usize = 20;

/// A fault of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The entry was modified or is out of order.
    Changed(i64),
    /// Entries are missing: numbers of the first and the last.
    Missing(i64, i64),
    /// Entries are outside of the chain: number of the first.
    Foreign(i64),
    /// The head is missing or was modified outside FaceQL.
    HeadChanged,
    /// According to this marker file, the log was started, but it is empty.
    Emptied(PathBuf),
    /// The log was started, but this marker file does not list it.
    Unnoted(PathBuf),
    /// According to this marker file, the log was started in another database at the same path.
    Replaced(PathBuf),
    /// This marker file cannot be trusted.
    NoteChanged(PathBuf),
    /// The saved head belongs to another chain.
    NotAsKept(Head),
    /// The log ends before the saved head.
    BehindKept(Head),
    /// The entry of the saved head has been deleted by retention.
    KeptIsTooOld(Head),
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Changed(sequence) => write!(formatter, "entry {sequence} was modified or inserted"),
            Self::Missing(first, last) if first == last => write!(formatter, "entry {first} is missing"),
            Self::Missing(first, last) => write!(formatter, "the entries {first} to {last} are missing"),
            Self::Foreign(sequence) => write!(formatter, "entry {sequence} is outside of the chain"),
            Self::HeadChanged => {
                let head = "the row with the beginning and the end of the chain was modified or removed";
                write!(
                    formatter,
                    "{head}, or FACEQL_SECRET_FILE is not the secret that the log was written with"
                )
            }
            Self::Emptied(note) => write!(
                formatter,
                "according to {}, the log was started, but it is empty: it was removed, or an older database was \
                 restored",
                note.display()
            ),
            Self::Unnoted(note) => {
                let note = note.display();
                write!(
                    formatter,
                    "{note} does not list this log: the file was removed, or the database was moved without it; \
                     the removal of the whole log would go undetected now; the next start of the server writes the \
                     file again"
                )
            }
            Self::Replaced(note) => {
                let note = note.display();
                write!(
                    formatter,
                    "{note} lists a log of another database at this path: the database was replaced, and \
                     its log is lost; if that was intended, remove {note} and restart the server"
                )
            }
            Self::NoteChanged(note) => {
                let note = note.display();
                write!(
                    formatter,
                    "{note}, which records that the log was started, was modified, belongs to another secret or cannot \
                     be read; if the log is intact, remove {note} and restart the server"
                )
            }
            Self::NotAsKept(Head { sequence, .. }) => {
                write!(
                    formatter,
                    "entry {sequence} is not the one whose head was saved: the log was replaced"
                )
            }
            Self::BehindKept(Head { sequence, .. }) => write!(
                formatter,
                "the log ends before entry {sequence}, whose head was saved: it was truncated or an older log restored"
            ),
            Self::KeptIsTooOld(Head { sequence, .. }) => write!(
                formatter,
                "entry {sequence}, whose head was saved, was deleted by retention: compare with a newer head"
            ),
        }
    }
}

/// The result of verifying the whole log.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Number of the oldest entry that should exist.
    pub first: i64,
    /// Number of the newest entry; less than `first` if there is none.
    pub last: i64,
    /// The faults found, up to a maximum.
    pub faults: Vec<Fault>,
    /// Number of further faults.
    pub more_faults: u64,
}

impl Report {
    /// Whether no fault was found.
    #[must_use]
    pub fn is_well(&self) -> bool {
        self.faults.is_empty()
    }

    fn note(&mut self, fault: Fault) {
        if self.faults.last() == Some(&fault) {
            // The same fault, detected from the following entry.
        } else if self.faults.len() < TOLD {
            self.faults.push(fault);
        } else {
            self.more_faults += 1;
        }
    }
}

impl AuditLog {
    /// The end of the chain, to be saved elsewhere; `None` if the sealed head was modified.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn head(&self) -> Result<Option<Head>, DbErr> {
        let reader = self.database.reader();
        let (noted, is_empty) = self.noted(reader).await?;
        let fault = self.fault_of_note(noted, is_empty);
        // A missing marker does not question the entries themselves.
        if fault.is_some_and(|fault| !matches!(fault, Fault::Unnoted(_))) {
            return Ok(None);
        }
        let ends = self.believed_ends(reader).await?;
        Ok(ends.map(|ends| Head { sequence: ends.last_sequence, mac: ends.last_mac }))
    }

    /// Checks every entry, and that the entry of `kept` still exists. `progress` receives the number of entries
    /// checked.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn verify(&self, kept: Option<Head>, mut progress: impl FnMut(u64)) -> Result<Report, DbErr> {
        // The server may append entries meanwhile: one transaction reads one state.
        let state = self.database.reader().begin().await?;
        let ends = self.believed_ends(&state).await?;
        let mut walk = Walk::new(&self.chain, ends, kept);
        let (noted, is_empty) = self.noted(&state).await?;
        if let Some(fault) = self.fault_of_note(noted, is_empty) {
            walk.report.note(fault);
        }
        let (mut after, mut seen) = (i64::MIN, 0);
        loop {
            let page = page_behind(&state, after).await?;
            let Some((last, _)) = page.last() else { break };
            after = *last;
            seen += page.len() as u64;
            for (sequence, entry) in page {
                walk.step(sequence, entry);
            }
            progress(seen);
        }
        Ok(walk.finish())
    }

    /// What the marker file says, and whether the log in the database is empty.
    pub(super) async fn noted(&self, database: &impl ConnectionTrait) -> Result<(Noted, bool), DbErr> {
        let noted = self.note.read(identity_in(database).await?);
        Ok((noted, is_empty(database).await?))
    }

    /// The fault that the marker file reveals, if any.
    pub(super) fn fault_of_note(&self, noted: Noted, is_empty: bool) -> Option<Fault> {
        let file = self.note.file().to_owned();
        match noted {
            Noted::Begun if is_empty => Some(Fault::Emptied(file)),
            Noted::BegunByAnother => Some(Fault::Replaced(file)),
            Noted::Changed => Some(Fault::NoteChanged(file)),
            Noted::Nothing | Noted::Others if !is_empty => Some(Fault::Unnoted(file)),
            Noted::Begun | Noted::Nothing | Noted::Others => None,
        }
    }

    /// Where the chain begins and ends; `None` if that was modified outside FaceQL.
    async fn believed_ends(
        &self,
        database: &impl ConnectionTrait,
    ) -> Result<Option<audit_head::Model>, DbErr> {
        if let Some(ends) = stored_ends(database).await? {
            return Ok(Some(ends).filter(|ends| self.chain.is_sealed(ends)));
        }
        let some = Entity::find().select_only().column(Column::Sequence).into_tuple::<i64>();
        Ok(some.one(database).await?.is_none().then(beginning))
    }
}

/// The next entries by number; `None` for unreadable ones.
async fn page_behind(state: &impl ConnectionTrait, after: i64) -> Result<Vec<(i64, Option<Model>)>, DbErr> {
    let behind = Entity::find().filter(Column::Sequence.gt(after)).order_by_asc(Column::Sequence).limit(PAGE);
    if let Ok(entries) = behind.clone().all(state).await {
        return Ok(entries.into_iter().map(|entry| (entry.sequence, Some(entry))).collect());
    }
    let sequences = behind.select_only().column(Column::Sequence).into_tuple::<i64>().all(state).await?;
    let mut page = Vec::new();
    for sequence in sequences {
        page.push((sequence, Entity::find_by_id(sequence).one(state).await.ok().flatten()));
    }
    Ok(page)
}

/// Checks one entry after the other.
struct Walk<'a> {
    chain: &'a Chain,
    /// `None` if the head was modified outside FaceQL.
    ends: Option<audit_head::Model>,
    kept: Option<Head>,
    /// The next number; `None` if unknown.
    next: Option<i64>,
    /// MAC of the previous entry; `None` if unknown.
    before: Option<Vec<u8>>,
    report: Report,
}

impl<'a> Walk<'a> {
    fn new(chain: &'a Chain, ends: Option<audit_head::Model>, kept: Option<Head>) -> Self {
        let mut walk = Self { chain, ends: None, kept, next: None, before: None, report: Report::default() };
        match ends {
            Some(ends) => {
                walk.report.first = ends.first_sequence;
                (walk.next, walk.before) = (Some(ends.first_sequence), Some(ends.before_first.clone()));
                walk.compare_with_kept(ends.first_sequence.saturating_sub(1), &ends.before_first);
                walk.ends = Some(ends);
            }
            None => walk.report.note(Fault::HeadChanged),
        }
        walk
    }

    fn step(&mut self, sequence: i64, entry: Option<Model>) {
        let next = *self.next.get_or_insert_with(|| {
            self.report.first = sequence;
            sequence
        });
        let last = self.ends.as_ref().map_or(i64::MAX, |ends| ends.last_sequence);
        if !(next..=last).contains(&sequence) {
            return self.report.note(Fault::Foreign(sequence));
        }
        if next < sequence {
            self.report.note(Fault::Missing(next, sequence - 1));
            self.before = None;
        }
        let fits = |entry: &Model| self.before.as_ref().is_none_or(|before| self.chain.fits(before, entry));
        if !entry.as_ref().is_some_and(fits) {
            self.report.note(Fault::Changed(sequence));
        }
        if let Some(entry) = &entry {
            self.compare_with_kept(sequence, &entry.mac);
        }
        self.before = entry.map(|entry| entry.mac);
        self.next = Some(sequence.saturating_add(1));
        self.report.last = sequence;
    }

    fn finish(mut self) -> Report {
        if let (Some(ends), Some(next)) = (&self.ends, self.next) {
            let last = ends.last_sequence;
            self.report.last = last;
            if next <= last {
                self.report.note(Fault::Missing(next, last));
            } else if self.before.as_ref() != Some(&ends.last_mac) {
                self.report.note(Fault::Changed(last));
            }
        }
        let Report { first, last, .. } = self.report;
        match self.kept {
            Some(kept) if kept.sequence > last => self.report.note(Fault::BehindKept(kept)),
            Some(kept) if kept.sequence < first.saturating_sub(1) => {
                self.report.note(Fault::KeptIsTooOld(kept));
            }
            _ => {}
        }
        self.report
    }

    fn compare_with_kept(&mut self, sequence: i64, mac: &[u8]) {
        if let Some(kept) = self.kept.take_if(|kept| kept.sequence == sequence && kept.mac != mac) {
            self.report.note(Fault::NotAsKept(kept));
        }
    }
}
