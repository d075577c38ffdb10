//! Whether the log is as it was written.

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

/// Entries read at once.
const PAGE: u64 = 1000;

/// Faults that are told, at most; others are counted.
const TOLD: usize = 20;

/// What is wrong with the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// An entry is not as it was written, or not in its place.
    Changed(i64),
    /// Entries that were written are not there: the first and the last of them.
    Missing(i64, i64),
    /// There are entries outside of the chain: this is the first.
    Foreign(i64),
    /// The row that says where the chain begins and ends is gone, or another hand has changed it.
    HeadChanged,
    /// Nothing is left of a log that was begun, as this file beside the secret says.
    Emptied(PathBuf),
    /// The log was begun, and this file beside the secret does not say so.
    Unnoted(PathBuf),
    /// The log was begun in another database, which had the same place, as this file beside the secret says.
    Replaced(PathBuf),
    /// This file beside the secret, which says that the log was begun, cannot be believed.
    NoteChanged(PathBuf),
    /// The head that was kept elsewhere is of another chain.
    NotAsKept(Head),
    /// The log ends before the head that was kept elsewhere.
    BehindKept(Head),
    /// The entry of the head that was kept elsewhere has been forgotten by now.
    KeptIsTooOld(Head),
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Changed(sequence) => write!(formatter, "entry {sequence} was changed, or put there"),
            Self::Missing(first, last) if first == last => write!(formatter, "entry {first} is missing"),
            Self::Missing(first, last) => write!(formatter, "the entries {first} to {last} are missing"),
            Self::Foreign(sequence) => write!(formatter, "entry {sequence} lies outside of the chain"),
            Self::HeadChanged => {
                let head = "the row that says where the chain begins and ends was changed or removed";
                write!(
                    formatter,
                    "{head}, or FACEQL_SECRET_FILE is not the one that the log was written with"
                )
            }
            Self::Emptied(note) => write!(
                formatter,
                "the log was begun, as {} says, and nothing is left of it: it was removed, or an older database was put \
                 back",
                note.display()
            ),
            Self::Unnoted(note) => {
                let note = note.display();
                write!(
                    formatter,
                    "{note} does not say that this log was begun: it was removed, or the database came here without it; \
                     nobody would notice if all of the log were removed now; the next start of the server writes it"
                )
            }
            Self::Replaced(note) => {
                let note = note.display();
                write!(
                    formatter,
                    "{note} says that a log was begun in another database at this place: the database was replaced, and \
                     its log is gone; if that was done on purpose, remove {note} and restart the server"
                )
            }
            Self::NoteChanged(note) => {
                let note = note.display();
                write!(
                    formatter,
                    "{note}, which says that the log was begun, was changed, is of another secret or cannot be read; if \
                     the log is as it should be, remove {note} and restart the server"
                )
            }
            Self::NotAsKept(Head { sequence, .. }) => {
                write!(formatter, "entry {sequence} is not the one whose head was kept: the log was replaced")
            }
            Self::BehindKept(Head { sequence, .. }) => write!(
                formatter,
                "the log ends before entry {sequence}, whose head was kept: it was cut off, or replaced by an older one"
            ),
            Self::KeptIsTooOld(Head { sequence, .. }) => write!(
                formatter,
                "entry {sequence}, whose head was kept, is older than what the log keeps: compare with a newer head"
            ),
        }
    }
}

/// What came of looking at the whole log.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// The oldest entry that should be there.
    pub first: i64,
    /// The newest one; less than `first` when there is none.
    pub last: i64,
    /// What is wrong, or the first of it.
    pub faults: Vec<Fault>,
    /// How much else is wrong.
    pub more_faults: u64,
}

impl Report {
    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_well(&self) -> bool {
        self.faults.is_empty()
    }

    fn note(&mut self, fault: Fault) {
        if self.faults.last() == Some(&fault) {
            // Seen from its other side.
        } else if self.faults.len() < TOLD {
            self.faults.push(fault);
        } else {
            self.more_faults += 1;
        }
    }
}

impl AuditLog {
    /// The end of the chain, to be kept elsewhere; `None` when the row that says it was changed.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn head(&self) -> Result<Option<Head>, DbErr> {
        let reader = self.database.reader();
        let (noted, is_empty) = self.noted(reader).await?;
        if self.fault_of_note(noted, is_empty).is_some() {
            return Ok(None);
        }
        let ends = self.believed_ends(reader).await?;
        Ok(ends.map(|ends| Head { sequence: ends.last_sequence, mac: ends.last_mac }))
    }

    /// Looks at every entry, and whether the entry of `kept` is still there. `progress` hears how many were looked at.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn verify(&self, kept: Option<Head>, mut progress: impl FnMut(u64)) -> Result<Report, DbErr> {
        // A server may go on writing: this looks at one state.
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

    /// What is noted outside of the database, and whether there is nothing of a log in it.
    pub(super) async fn noted(&self, database: &impl ConnectionTrait) -> Result<(Noted, bool), DbErr> {
        let noted = self.note.read(identity_in(database).await?);
        Ok((noted, is_empty(database).await?))
    }

    /// What the note shows to be wrong.
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

    /// Where the chain begins and ends, unless another hand has written that.
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

/// The next entries by their numbers; `None` where what is there cannot be an entry.
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

/// Goes from entry to entry.
struct Walk<'a> {
    chain: &'a Chain,
    /// Unless another hand has written that.
    ends: Option<audit_head::Model>,
    kept: Option<Head>,
    /// The number that comes next; `None` where nobody knows.
    next: Option<i64>,
    /// The MAC of the entry before; `None` where nobody knows.
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
