//! Checks that every template is intact and that faces are found by their own vectors. Called by the `index` command.

use std::collections::BTreeMap;

use entity::ids::{FaceId, PersonId, Tenant};
use entity::name_key::NameKey;
use entity::{face, person, template};
use sea_orm::{
    ColumnTrait, Condition, DbErr, EntityTrait, FromQueryResult, JoinType, PaginatorTrait, QueryFilter,
    QueryOrder, QuerySelect,
};

use super::index_load::{face_of_template, person_of_face};
use super::{LoadError, People};

/// Templates read per query.
const PAGE: u64 = 10_000;

/// Tolerated distance of a vector from itself: rounding error of metrics that divide by lengths.
const ROUNDING: f32 = 1e-6;

/// Number of people who may share one vector before a face among them counts as not found.
const TWINS: usize = 1000;

/// The result of an index check.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IndexReport {
    /// Template counts by tenant, gallery and model.
    pub templates: Vec<TemplateCount>,
    /// Number of faces that were searched for by their own vectors.
    pub searched: usize,
    /// Those of the searched faces that were not found.
    pub lost: Vec<FaceId>,
}

impl IndexReport {
    /// Whether no fault was found. Templates of a model that is not loaded are not a fault.
    #[must_use]
    pub fn is_well(&self) -> bool {
        self.lost.is_empty() && self.templates.iter().all(TemplateCount::is_well)
    }
}

/// Template counts of one gallery and one model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TemplateCount {
    /// Tenant that owns the gallery.
    pub tenant: Tenant,
    /// Name of the gallery.
    pub gallery: String,
    /// Digest of the model.
    pub model: String,
    /// Whether this is the engine's model. Faces of other models cannot be found until their model is loaded again.
    pub at_work: bool,
    /// Number of stored templates, including damaged ones.
    pub stored: usize,
    /// Number of stored templates whose vectors are not valid for the loaded model.
    pub damaged: usize,
    /// Number of vectors in the index.
    pub indexed: usize,
}

impl TemplateCount {
    /// Whether no fault was found.
    #[must_use]
    pub fn is_well(&self) -> bool {
        !self.at_work || (self.damaged == 0 && self.indexed == self.stored)
    }
}

#[derive(FromQueryResult)]
struct Row {
    face_id: FaceId,
    model_digest: String,
    person_id: PersonId,
    tenant: Tenant,
    gallery: String,
    gallery_key: NameKey,
    vector: Vec<u8>,
}

/// Running totals of the check.
#[derive(Default)]
struct Tally {
    /// Counts by tenant, gallery and model digest.
    counts: BTreeMap<(String, NameKey, String), TemplateCount>,
    /// Number of intact templates of the loaded model.
    sound: usize,
    searched: usize,
    lost: Vec<FaceId>,
}

impl People {
    /// Compares the templates of all tenants with the index, which must be loaded. Searches for at most `sample` of
    /// them, evenly spread. `progress` receives the number of templates read so far.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn check_index(
        &self,
        sample: usize,
        mut progress: impl FnMut(usize),
    ) -> Result<IndexReport, LoadError> {
        let at_work = template::Column::ModelDigest.eq(self.scale.model.to_string());
        let stored = template::Entity::find().filter(at_work).count(self.database.reader()).await?;
        let every = usize::try_from(stored).unwrap_or(usize::MAX).div_ceil(sample.max(1)).max(1);
        let (mut tally, mut after) = (Tally::default(), None);
        loop {
            let rows = self.page_of_all(after.as_ref()).await?;
            let Some(last) = rows.last() else { break };
            after = Some((last.face_id, last.model_digest.clone()));
            let people = self.clone();
            let checking = tokio::task::spawn_blocking(move || {
                for row in &rows {
                    people.check_template(row, every, &mut tally);
                }
                tally
            });
            tally = checking.await.map_err(|panic| LoadError::BrokeOff(panic.to_string()))?;
            progress(tally.searched);
        }
        let Tally { counts, searched, lost, .. } = tally;
        Ok(IndexReport { templates: counts.into_values().collect(), searched, lost })
    }

    /// The next page of templates of all models after `after`.
    async fn page_of_all(&self, after: Option<&(FaceId, String)>) -> Result<Vec<Row>, DbErr> {
        let (face, model) = (template::Column::FaceId, template::Column::ModelDigest);
        let mut page = template::Entity::find()
            .select_only()
            .columns([face, model, template::Column::Tenant, template::Column::Vector])
            .column(face::Column::PersonId)
            .columns([person::Column::Gallery, person::Column::GalleryKey])
            .join(JoinType::InnerJoin, face_of_template())
            .join(JoinType::InnerJoin, person_of_face())
            .order_by_asc(face)
            .order_by_asc(model)
            .limit(PAGE);
        if let Some((last, digest)) = after {
            let same_face = Condition::all().add(face.eq(*last)).add(model.gt(digest));
            page = page.filter(Condition::any().add(face.gt(*last)).add(same_face));
        }
        page.into_model().all(self.database.reader()).await
    }

    /// Counts a template, and searches for one in `every` of them.
    fn check_template(&self, row: &Row, every: usize, tally: &mut Tally) {
        let key = (row.tenant.to_string(), row.gallery_key.clone(), row.model_digest.clone());
        let count = tally.counts.entry(key).or_insert_with(|| self.nothing_counted(row));
        count.stored += 1;
        if !count.at_work {
            return;
        }
        let Some(vector) = self.sound_vector(&row.vector) else {
            count.damaged += 1;
            return;
        };
        if tally.sound.is_multiple_of(every) {
            tally.searched += 1;
            if !self.finds(row, &vector) {
                tally.lost.push(row.face_id);
            }
        }
        tally.sound += 1;
    }

    fn nothing_counted(&self, row: &Row) -> TemplateCount {
        let at_work = row.model_digest == self.scale.model.to_string();
        let collection = self.collection(&row.tenant, &row.gallery_key);
        TemplateCount {
            tenant: row.tenant.clone(),
            gallery: row.gallery.clone(),
            model: row.model_digest.clone(),
            at_work,
            stored: 0,
            damaged: 0,
            indexed: if at_work { self.index.face_count(&collection) } else { 0 },
        }
    }

    fn finds(&self, row: &Row, vector: &[f32]) -> bool {
        let found =
            self.index.search(&self.collection(&row.tenant, &row.gallery_key), vector, TWINS, ROUNDING);
        found.is_ok_and(|found| found.matches.iter().any(|found| found.person == row.person_id))
    }
}
