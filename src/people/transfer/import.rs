//! Imports people: the whole file in one write, or nothing.

use std::io::BufRead;

use chrono::{DateTime, Utc};
use entity::ids::{AnyId, PersonId};
use entity::{face, person, template};
use sea_orm::sea_query::Expr;
use sea_orm::{ActiveModelTrait, ColumnTrait, DbErr, EntityTrait, IntoActiveModel, QueryFilter};
use serde_json::Value;

use super::candidate::Candidate;
use super::lines::Lines;
use super::present::Present;
use super::{Exported, FORMAT, Header, Line, ROWS, TransferError, VERSION};
use crate::access::caller::Caller;
use crate::people::People;
use crate::people::normalize::normalize_names;
use crate::store::database::Write;

/// People looked up and inserted per batch, unless their lines are very long.
const BATCH: usize = 200;

/// Maximum total size of the lines in a batch, not counting the last one.
const BATCH_BYTES: usize = 8 * 1024 * 1024;

/// Numbers of imported people and faces.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Imported {
    /// People in the file.
    pub people: u64,
    /// People who did not exist before.
    pub new_people: u64,
    /// Faces that did not exist before.
    pub new_faces: u64,
    /// Faces that their people already had.
    pub known_faces: u64,
}

impl People {
    /// Imports the people of `source`, which may block, for the caller. An existing person, by gallery and external id,
    /// keeps the stored data and gets the faces that are missing; importing the same file again changes nothing. Ids
    /// are kept where they are free. `progress` receives the numbers so far.
    ///
    /// The index is not updated: call [`People::load`] afterwards.
    ///
    /// # Errors
    /// [`TransferError`] with the line number. Nothing is changed then.
    pub async fn import(
        &self,
        caller: &Caller,
        source: impl BufRead,
        mut progress: impl FnMut(&Imported),
    ) -> Result<Imported, TransferError> {
        let mut lines = Lines::new(source);
        self.check_header(&mut lines)?;
        let mut write = self.database.write().await?;
        let mut imported = Imported::default();
        loop {
            let Batch { people, end } = self.next_batch(caller, &mut lines)?;
            self.put_in(&mut write, caller, people, &mut imported).await?;
            progress(&imported);
            let Some(Exported { people, faces, .. }) = end else { continue };
            let read = (imported.people, imported.new_faces + imported.known_faces);
            if read != (people, faces) {
                let (read_people, read_faces) = read;
                return Err(lines.wrong(format!(
                    "expected {people} people with {faces} faces, found {read_people} with {read_faces}"
                )));
            }
            // A compressed file is intact only if it can be read to its end.
            if lines.read::<Value>()?.is_some() {
                return Err(lines.wrong("there is data after the last line".into()));
            }
            normalize_names(&write).await?;
            write.commit().await?;
            return Ok(imported);
        }
    }

    fn check_header(&self, lines: &mut Lines<impl BufRead>) -> Result<(), TransferError> {
        let empty = || TransferError::Line { line: 1, reason: "the file is empty".into() };
        let value: Value = lines.read()?.ok_or_else(empty)?;
        if value.get("format").and_then(Value::as_str) != Some(FORMAT) {
            return Err(
                lines.wrong(format!("this is not a file of `faceql export`: its format is not {FORMAT}"))
            );
        }
        if value.get("version").and_then(Value::as_u64) != Some(VERSION.into()) {
            return Err(
                lines.wrong(format!("only version {VERSION} of {FORMAT} is supported; use a newer FaceQL"))
            );
        }
        let header: Header = serde_json::from_value(value).map_err(|error| lines.wrong(error.to_string()))?;
        let ours = self.named_model();
        if header.model.digest != ours.digest || header.model.dimensions != ours.dimensions {
            let (theirs, ours) = (Box::new(header.model), Box::new(ours));
            return Err(TransferError::ModelMismatch { theirs, ours });
        }
        Ok(())
    }

    fn next_batch(&self, caller: &Caller, lines: &mut Lines<impl BufRead>) -> Result<Batch, TransferError> {
        let (mut batch, mut byte_size) = (Batch::default(), 0);
        while batch.people.len() < BATCH && byte_size < BATCH_BYTES {
            match lines.read()? {
                Some(Line::Person(record)) => {
                    let who: String = record.external_id.chars().take(64).collect();
                    let candidate = self.candidate(caller, *record, lines.number());
                    let candidate =
                        candidate.map_err(|error| lines.wrong(format!("the person {who:?}: {error}")))?;
                    batch.people.push(candidate);
                }
                Some(Line::End(exported)) => {
                    batch.end = Some(exported);
                    break;
                }
                None => return Err(TransferError::CutOff { line: lines.number() }),
            }
            byte_size += lines.byte_size();
        }
        Ok(batch)
    }

    async fn put_in(
        &self,
        write: &mut Write,
        caller: &Caller,
        people: Vec<Candidate>,
        imported: &mut Imported,
    ) -> Result<(), TransferError> {
        let mut present = Present::read(write, self.database.reader(), caller, &people).await?;
        let mut rows = Rows::default();
        for candidate in people {
            self.place(candidate, &mut present, &mut rows, imported)?;
        }
        if !rows.is_empty() {
            caller.trail.record(write, rows.owners()).await?;
        }
        Ok(rows.insert(write, self.clock.now()).await?)
    }

    /// Decides which rows to write for a person.
    fn place(
        &self,
        candidate: Candidate,
        present: &mut Present,
        rows: &mut Rows,
        imported: &mut Imported,
    ) -> Result<(), TransferError> {
        let Candidate { line, mut person, faces } = candidate;
        let (is_new, all) = (present.place_person(&mut person), faces.len());
        let faces = present.place_faces(person.id, faces);
        let (count, limit) = (present.face_count(person.id), self.config.faces_per_person);
        if !faces.is_empty() && count > limit {
            let reason = format!(
                "the person {:?} would have {count} faces, but the maximum is {limit}; raise FACEQL_FACES_PER_PERSON",
                person.external_id,
            );
            return Err(TransferError::Line { line, reason });
        }
        imported.people += 1;
        imported.new_people += u64::from(is_new);
        imported.new_faces += faces.len() as u64;
        imported.known_faces += (all - faces.len()) as u64;
        let model = self.scale.model.to_string();
        rows.templates.extend(faces.iter().map(|(face, vector)| template::Model {
            face_id: face.id,
            model_digest: model.clone(),
            tenant: face.tenant.clone(),
            vector: vector.clone(),
        }));
        if is_new {
            rows.people.push(person);
        } else if !faces.is_empty() {
            rows.changed.push(person.id);
        }
        rows.faces.extend(faces.into_iter().map(|(face, _)| face));
        Ok(())
    }
}

/// The people of the next lines.
#[derive(Default)]
struct Batch {
    people: Vec<Candidate>,
    /// The totals of the end line, once it has been read.
    end: Option<Exported>,
}

/// Rows to be written.
#[derive(Default)]
struct Rows {
    people: Vec<person::Model>,
    faces: Vec<face::Model>,
    templates: Vec<template::Model>,
    /// Existing people who get further faces.
    changed: Vec<PersonId>,
}

impl Rows {
    fn is_empty(&self) -> bool {
        self.people.is_empty() && self.changed.is_empty()
    }

    /// The people who own the new rows.
    fn owners(&self) -> impl Iterator<Item = AnyId> {
        self.people.iter().map(|person| person.id).chain(self.changed.iter().copied()).map(AnyId::from)
    }

    async fn insert(self, write: &Write, now: DateTime<Utc>) -> Result<(), DbErr> {
        insert::<person::Entity>(write, self.people).await?;
        insert::<face::Entity>(write, self.faces).await?;
        insert::<template::Entity>(write, self.templates).await?;
        if !self.changed.is_empty() {
            person::Entity::update_many()
                .col_expr(person::Column::UpdatedAt, Expr::value(now))
                .filter(person::Column::Id.is_in(self.changed))
                .exec(&**write)
                .await?;
        }
        Ok(())
    }
}

async fn insert<E>(write: &Write, rows: Vec<E::Model>) -> Result<(), DbErr>
where
    E: EntityTrait<Model: IntoActiveModel<E::ActiveModel>>,
{
    let mut rows = rows.into_iter().peekable();
    while rows.peek().is_some() {
        let rows = rows.by_ref().take(ROWS).map(|row| row.into_active_model().reset_all());
        E::insert_many(rows).exec_without_returning(&**write).await?;
    }
    Ok(())
}
