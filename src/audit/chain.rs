//! The chain: each entry carries an HMAC over itself and the previous entry, and a sealed row, the head, stores where
//! the chain begins and ends. Entries are appended within a write, so only one end exists at a time.

use std::fmt;
use std::str::FromStr;

use entity::audit_entry::{Column, Entity, Model};
use entity::audit_head;
use ring::hmac::{self, Key};
use sea_orm::sea_query::OnConflict;
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, DbErr, EntityTrait, IntoActiveModel, QueryOrder,
    QuerySelect,
};
use tracing::error;

use super::entry::Entry;
use crate::store::database::Write;
use crate::store::secret::Secret;

/// The previous MAC of the first entry.
const NOTHING: [u8; 32] = [0; 32];

/// Entries inserted per statement: SQLite accepts at most 32,766 parameters.
const ROWS: usize = 1000;

/// The keys for chaining entries and for sealing the head.
pub(super) struct Chain {
    entries: Key,
    head: Key,
}

impl Chain {
    pub(super) fn new(secret: &Secret) -> Self {
        Self { entries: secret.key("audit"), head: secret.key("audit head") }
    }

    /// Appends entries after these ends, as part of `write`.
    pub(super) async fn append(
        &self,
        write: &Write,
        mut ends: audit_head::Model,
        entries: &[Entry],
    ) -> Result<(), DbErr> {
        for entries in entries.chunks(ROWS) {
            let rows =
                entries.iter().map(|entry| self.link(&mut ends, entry).into_active_model().reset_all());
            Entity::insert_many(rows.collect::<Vec<_>>()).exec_without_returning(&**write).await?;
        }
        self.keep(write, ends).await
    }

    /// The row of the next entry.
    fn link(&self, ends: &mut audit_head::Model, entry: &Entry) -> Model {
        let mut row = Model {
            sequence: ends.last_sequence.saturating_add(1),
            time: entry.time,
            tenant: entry.origin.tenant.clone(),
            actor: entry.origin.actor.clone(),
            request: entry.origin.request.clone(),
            act: entry.act.clone().into_owned(),
            ids: entry.about.to_json(),
            ids_left_out: entry.about.left_out,
            outcome: entry.outcome.clone().into_owned(),
            times: entry.times,
            mac: Vec::new(),
        };
        row.mac = hmac::sign(&self.entries, &chained(&ends.last_mac, &row)).as_ref().to_vec();
        (ends.last_sequence, ends.last_mac) = (row.sequence, row.mac.clone());
        row
    }

    /// Whether an entry is unmodified and follows the entry whose MAC is `before`.
    pub(super) fn fits(&self, before: &[u8], row: &Model) -> bool {
        hmac::verify(&self.entries, &chained(before, row), &row.mac).is_ok()
    }

    /// Whether the head is unmodified.
    pub(super) fn is_sealed(&self, ends: &audit_head::Model) -> bool {
        hmac::verify(&self.head, &sealed(ends), &ends.seal).is_ok()
    }

    /// Where the chain begins and ends. If the head cannot be trusted, the chain continues after a permanent gap:
    /// sealing a modified head again would hide the modification. `None` for an empty log.
    pub(super) async fn ends(&self, write: &Write) -> Result<Option<audit_head::Model>, DbErr> {
        let stored = stored_ends(&**write).await?;
        if let Some(ends) = stored.as_ref().filter(|ends| self.is_sealed(ends)) {
            return Ok(Some(ends.clone()));
        }
        let last = Entity::find().select_only().expr_as(Column::Sequence.max(), "last");
        let last: Option<i64> = last.into_tuple().one(&**write).await?.flatten();
        if stored.is_none() && last.is_none() {
            return Ok(None);
        }
        error!(
            "the audit log or the server's secret was modified outside FaceQL: run `faceql audit verify` for \
             details; new entries follow after a gap"
        );
        Ok(Some(behind_gap(last.unwrap_or(0))))
    }

    /// Seals and stores where the chain begins and ends.
    pub(super) async fn keep(&self, write: &Write, mut ends: audit_head::Model) -> Result<(), DbErr> {
        use audit_head::Column::{BeforeFirst, FirstSequence, Id, LastMac, LastSequence, Seal};
        ends.seal = hmac::sign(&self.head, &sealed(&ends)).as_ref().to_vec();
        let replace = OnConflict::column(Id)
            .update_columns([FirstSequence, BeforeFirst, LastSequence, LastMac, Seal])
            .to_owned();
        let row = ends.into_active_model().reset_all();
        audit_head::Entity::insert(row).on_conflict(replace).exec_without_returning(&**write).await.map(drop)
    }
}

/// Parts of a log that show whether it was written with a given secret.
pub struct Handwriting {
    ends: Option<audit_head::Model>,
    /// The newest entry, and the MAC of the previous one.
    last: Option<(Vec<u8>, Model)>,
}

impl Handwriting {
    /// Reads these parts; `None` for an empty log.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn of(database: &impl ConnectionTrait) -> Result<Option<Self>, DbErr> {
        if is_empty(database).await? {
            return Ok(None);
        }
        let ends = stored_ends(database).await?;
        let newest = Entity::find().order_by_desc(Column::Sequence).limit(2).all(database).await;
        // An unreadable entry is no evidence.
        let mut newest = newest.unwrap_or_default().into_iter();
        let last = newest.next().map(|last| {
            let before = match (newest.next(), &ends) {
                (Some(before), _) => before.mac,
                (None, Some(ends)) => ends.before_first.clone(),
                (None, None) => NOTHING.to_vec(),
            };
            (before, last)
        });
        Ok(Some(Self { ends, last }))
    }

    /// Whether this secret wrote the log. One intact part is enough, since others may have been modified.
    #[must_use]
    pub fn is_by(&self, secret: &Secret) -> bool {
        let chain = Chain::new(secret);
        self.ends.as_ref().is_some_and(|ends| chain.is_sealed(ends))
            || self.last.as_ref().is_some_and(|(before, last)| chain.fits(before, last))
    }
}

/// The stored head, whether or not its seal is valid.
pub(super) async fn stored_ends(database: &impl ConnectionTrait) -> Result<Option<audit_head::Model>, DbErr> {
    audit_head::Entity::find_by_id(audit_head::Model::ID).one(database).await
}

/// Whether the log has neither entries nor a head.
pub(super) async fn is_empty(database: &impl ConnectionTrait) -> Result<bool, DbErr> {
    let heads = audit_head::Entity::find().select_only().column(audit_head::Column::Id);
    let entries = Entity::find().select_only().column(Column::Sequence);
    Ok(heads.into_tuple::<i32>().one(database).await?.is_none()
        && entries.into_tuple::<i64>().one(database).await?.is_none())
}

/// The head of an empty chain.
pub(super) fn beginning() -> audit_head::Model {
    audit_head::Model {
        id: audit_head::Model::ID,
        first_sequence: 1,
        before_first: NOTHING.to_vec(),
        last_sequence: 0,
        last_mac: NOTHING.to_vec(),
        seal: Vec::new(),
    }
}

/// The head of a chain that continues after `last` and skips one number: no valid entry exists for the gap.
pub(super) fn behind_gap(last: i64) -> audit_head::Model {
    audit_head::Model { last_sequence: last.saturating_add(1), ..beginning() }
}

/// The input of an entry's MAC. Each text is preceded by its length, so that different entries never produce the same
/// bytes.
fn chained(before: &[u8], row: &Model) -> Vec<u8> {
    let Model { sequence, time, tenant, actor, request, act, ids, ids_left_out, outcome, times, mac: _ } =
        row;
    let mut bytes = Vec::with_capacity(256 + ids.len());
    for number in [*sequence, time.timestamp(), time.timestamp_subsec_nanos().into(), *ids_left_out] {
        bytes.extend(number.to_be_bytes());
    }
    let texts = [tenant.as_str(), actor, request, act, ids, outcome].map(str::as_bytes);
    for part in std::iter::once(before).chain(texts) {
        push(&mut bytes, part);
    }
    // Compatible with entries from before `times` existed: entries for a single act omit it.
    if *times != 1 {
        push(&mut bytes, &times.to_be_bytes());
    }
    bytes
}

/// The input of the seal.
fn sealed(ends: &audit_head::Model) -> Vec<u8> {
    let audit_head::Model { id: _, first_sequence, before_first, last_sequence, last_mac, seal: _ } = ends;
    let mut bytes = Vec::with_capacity(96);
    for number in [first_sequence, last_sequence] {
        bytes.extend(number.to_be_bytes());
    }
    for mac in [before_first, last_mac] {
        push(&mut bytes, mac);
    }
    bytes
}

fn push(bytes: &mut Vec<u8>, part: &[u8]) {
    bytes.extend((part.len() as u64).to_be_bytes());
    bytes.extend(part);
}

/// The end of the chain at some time. A head saved elsewhere proves later that all entries up to it still exist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// Number of the last entry; 0 if there was none.
    pub sequence: i64,
    /// MAC of the last entry.
    pub mac: Vec<u8>,
}

impl fmt::Display for Head {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}", self.sequence, hex::encode(&self.mac))
    }
}

/// The text is not a valid head.
#[derive(Debug, thiserror::Error)]
#[error("a head must be a number, a colon and 64 hexadecimal digits, as `faceql audit head` prints it")]
pub struct ParseHeadError;

impl FromStr for Head {
    type Err = ParseHeadError;

    fn from_str(text: &str) -> Result<Self, ParseHeadError> {
        let (sequence, mac) = text.trim().split_once(':').ok_or(ParseHeadError)?;
        let mut bytes = [0; NOTHING.len()];
        hex::decode_to_slice(mac, &mut bytes).map_err(|_| ParseHeadError)?;
        let sequence = sequence.parse().ok().filter(|sequence| *sequence >= 0).ok_or(ParseHeadError)?;
        Ok(Self { sequence, mac: bytes.to_vec() })
    }
}
