//! Exports people, one page at a time.

use std::collections::HashMap;
use std::io::Write;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use entity::ids::{FaceId, PersonId};
use entity::name_key::NameKey;
use entity::{face, person, template};
use sea_orm::{ColumnTrait, DbErr, EntityTrait, JoinType, QueryFilter, QueryOrder, QuerySelect};
use serde::{Deserialize, Serialize};

use super::{FORMAT, FaceRecord, Header, Line, PersonRecord, TransferError, VERSION};
use crate::access::caller::Caller;
use crate::people::index_load::face_of_template;
use crate::people::lookup::{gallery_key, owned};
use crate::people::{Consent, People, check_name};

/// People read per query.
const PAGE: u64 = 200;

/// Numbers of exported people and faces.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Exported {
    /// Number of people.
    pub people: u64,
    /// Number of faces in the file.
    pub faces: u64,
    /// Number of faces without an intact vector of the loaded model; they are not in the file.
    pub faces_left_out: u64,
}

impl People {
    /// Writes the caller's people, of one gallery or of all, to `sink`, which may block. Each person is recorded in the
    /// audit log first. `progress` receives the numbers so far.
    ///
    /// # Errors
    /// When the database or the sink fails.
    pub async fn export(
        &self,
        caller: &Caller,
        gallery: Option<&str>,
        sink: &mut impl Write,
        mut progress: impl FnMut(&Exported),
    ) -> Result<Exported, TransferError> {
        let gallery = match gallery {
            Some(gallery) => {
                check_name("gallery", gallery)?;
                Some(gallery_key(self.database.reader(), caller, gallery).await?)
            }
            None => None,
        };
        let (format, model) = (FORMAT.to_owned(), self.named_model());
        write_line(sink, &Header { format, version: VERSION, model, exported_at: self.clock.now() })?;
        let (mut exported, mut after) = (Exported::default(), None);
        loop {
            let people = self.next_people(caller, gallery.as_ref(), after).await?;
            let Some(last) = people.last() else { break };
            after = Some(last.id);
            self.note(caller, &people).await?;
            for record in self.records(people, &mut exported).await? {
                write_line(sink, &Line::Person(Box::new(record)))?;
            }
            progress(&exported);
        }
        write_line(sink, &Line::End(exported))?;
        Ok(exported)
    }

    /// Records in the audit log whose vectors are read.
    async fn note(&self, caller: &Caller, people: &[person::Model]) -> Result<(), DbErr> {
        let mut write = self.database.write().await?;
        caller.trail.record(&mut write, people.iter().map(|person| person.id.into())).await?;
        write.commit().await
    }

    async fn next_people(
        &self,
        caller: &Caller,
        gallery: Option<&NameKey>,
        after: Option<PersonId>,
    ) -> Result<Vec<person::Model>, DbErr> {
        let mut page = owned(caller).order_by_asc(person::Column::Id).limit(PAGE);
        if let Some(gallery) = gallery {
            page = page.filter(person::Column::GalleryKey.eq(gallery.clone()));
        }
        if let Some(after) = after {
            page = page.filter(person::Column::Id.gt(after));
        }
        page.all(self.database.reader()).await
    }

    async fn records(
        &self,
        people: Vec<person::Model>,
        exported: &mut Exported,
    ) -> Result<Vec<PersonRecord>, DbErr> {
        let ids: Vec<PersonId> = people.iter().map(|person| person.id).collect();
        let mut vectors = self.vectors_of(&ids).await?;
        let faces = face::Entity::find()
            .filter(face::Column::PersonId.is_in(ids))
            .order_by_asc(face::Column::Id)
            .all(self.database.reader())
            .await?;
        let mut by_person: HashMap<PersonId, Vec<FaceRecord>> = HashMap::new();
        for face in faces {
            match vectors.remove(&face.id).filter(|vector| self.sound_vector(vector).is_some()) {
                Some(vector) => {
                    exported.faces += 1;
                    by_person.entry(face.person_id).or_default().push(face_record(face, &vector));
                }
                None => exported.faces_left_out += 1,
            }
        }
        exported.people += people.len() as u64;
        let record = |person: person::Model| {
            let faces = by_person.remove(&person.id).unwrap_or_default();
            person_record(person, faces)
        };
        Ok(people.into_iter().map(record).collect())
    }

    async fn vectors_of(&self, people: &[PersonId]) -> Result<HashMap<FaceId, Vec<u8>>, DbErr> {
        let rows = template::Entity::find()
            .select_only()
            .column(template::Column::FaceId)
            .column(template::Column::Vector)
            .join(JoinType::InnerJoin, face_of_template())
            .filter(face::Column::PersonId.is_in(people.iter().copied()))
            .filter(template::Column::ModelDigest.eq(self.scale.model.to_string()))
            .into_tuple::<(FaceId, Vec<u8>)>()
            .all(self.database.reader())
            .await?;
        Ok(rows.into_iter().collect())
    }
}

fn face_record(face: face::Model, vector: &[u8]) -> FaceRecord {
    FaceRecord {
        id: face.id,
        image_sha256: face.image_sha256,
        quality: face.quality,
        created_at: face.created_at,
        vector: STANDARD.encode(vector),
    }
}

fn person_record(person: person::Model, faces: Vec<FaceRecord>) -> PersonRecord {
    PersonRecord {
        id: person.id,
        gallery: person.gallery,
        external_id: person.external_id,
        display_name: person.display_name,
        metadata: person.metadata,
        consent: Consent { granted_at: person.consent_granted_at, reference: person.consent_reference },
        created_at: person.created_at,
        updated_at: person.updated_at,
        faces,
    }
}

fn write_line(sink: &mut impl Write, line: &impl Serialize) -> Result<(), std::io::Error> {
    serde_json::to_writer(&mut *sink, line)?;
    sink.write_all(b"\n")
}
