//! A person read from a file, validated by the same rules as API input.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use entity::name_key::NameKey;
use entity::{face, person};

use super::{FaceRecord, PersonRecord};
use crate::access::caller::Caller;
use crate::people::face::stored_quality;
use crate::people::names::fold;
use crate::people::{Change, People, PeopleError, PersonChanges, PersonKey};

/// Rows to be written once it is known which of them already exist.
pub(super) struct Candidate {
    /// Line number of the person in the file.
    pub(super) line: u64,
    pub(super) person: person::Model,
    pub(super) faces: Vec<NewRow>,
}

/// A face with its encoded vector.
pub(super) type NewRow = (face::Model, Vec<u8>);

impl People {
    pub(super) fn candidate(
        &self,
        caller: &Caller,
        record: PersonRecord,
        line: u64,
    ) -> Result<Candidate, PeopleError> {
        let key = PersonKey { gallery: record.gallery, external_id: record.external_id };
        key.check()?;
        let changes = PersonChanges {
            display_name: record.display_name.map_or(Change::Keep, Change::Set),
            metadata: record.metadata.map_or(Change::Keep, Change::Set),
            consent: Some(record.consent.clone()),
        };
        changes.check(self.clock.now())?;
        let mut person = person::Model {
            id: record.id,
            tenant: caller.tenant.clone(),
            external_id_folded: fold(&key.external_id),
            // New people get keys equal to their names until `normalize_names` runs.
            gallery_key: NameKey::as_sent(&key.gallery),
            external_id_key: NameKey::as_sent(&key.external_id),
            keys_as_sent: false,
            gallery: key.gallery,
            external_id: key.external_id,
            display_name: None,
            display_name_folded: None,
            metadata: None,
            consent_granted_at: record.consent.granted_at,
            consent_reference: None,
            created_at: record.created_at,
            updated_at: record.updated_at,
        };
        changes.apply(&mut person);
        let faces = record.faces.into_iter().map(|face| self.face_row(&person, face));
        let faces = faces.collect::<Result<_, _>>()?;
        Ok(Candidate { line, person, faces })
    }

    fn face_row(&self, person: &person::Model, record: FaceRecord) -> Result<NewRow, PeopleError> {
        let id = record.id;
        let wrong = |reason: String| PeopleError::BadInput(format!("the face {id}: {reason}"));
        let hexadecimal = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        if record.image_sha256.len() != 64 || !record.image_sha256.bytes().all(hexadecimal) {
            return Err(wrong("imageSha256 must have 64 lower-case hexadecimal digits".into()));
        }
        stored_quality(&record.quality).map_err(|error| wrong(error.to_string()))?;
        let vector =
            STANDARD.decode(&record.vector).map_err(|error| wrong(format!("its vector: {error}")))?;
        if self.sound_vector(&vector).is_none() {
            let dimensions = self.scale.dimensions;
            return Err(wrong(format!("its vector must have {dimensions} finite numbers of 4 bytes each")));
        }
        let face = face::Model {
            id,
            tenant: person.tenant.clone(),
            person_id: person.id,
            image_sha256: record.image_sha256,
            quality: record.quality,
            // Chips are not part of a transfer.
            chip_kept: false,
            created_at: record.created_at,
        };
        Ok((face, vector))
    }
}
