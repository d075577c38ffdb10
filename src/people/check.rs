//! Whether every template is sound, and faces are found by their own vectors. Called by the shell's `index` command.

use std::collections::BTreeMap;

use entity::ids::{FaceId, PersonId, Tenant};
use entity::name_key::NameKey;
use entity::{face, person, template};
use sea_orm::{
    ColumnTrait, Condition, DbErr, EntityTrait, FromQueryResult, JoinType, PaginatorTrait, QueryFilter,
    QueryOrder, QuerySelect,
};

use super::load::{face_of_template, person_of_face};
use super::{LoadError, People};

/// Templates read at once.
const PAGE: u64 = 10_000;

/// How far from itself a vector may be found: rounding, where the metric divides by lengths.
const ROUNDING: f32 = 1e-6;

/// People who may share one vector before a face among them counts as lost.
const TWINS: usize = 1000;

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IndexReport {
    /// The templates, by tenant, gallery and model.
    pub templates: Vec<TemplateCount>,
    /// Faces that were searched for by their own vectors.
    pub searched: usize,
    /// Those of them that were not found.
    pub lost: Vec<FaceId>,
}

impl IndexReport {
    /// Whether nothing is wrong. Templates of a model that is not at work are no fault.
    #[must_use]
    pub fn is_well(&self) -> bool {
        self.lost.is_empty() && self.templates.iter().all(TemplateCount::is_well)
    }
}

/// The templates of a gallery by one model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TemplateCount {
    /// Who owns the gallery.
    pub tenant: Tenant,
    /// The gallery.
    pub gallery: String,
    /// Digest of the model.
    pub model: String,
    /// Whether it is the engine's model: these faces can be found. Others cannot be until theirs is at work again.
    pub at_work: bool,
    /// How many there are, the damaged ones included.
    pub stored: usize,
    /// Those that cannot be of the model at work.
    pub damaged: usize,
    /// How many the index holds.
    pub indexed: usize,
}

impl TemplateCount {
    /// Whether nothing is wrong.
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

/// What was seen so far.
#[derive(Default)]
struct Tally {
    /// By tenant, gallery and model.
    counts: BTreeMap<(String, NameKey, String), TemplateCount>,
    /// Sound templates of the model at work.
    sound: usize,
    searched: usize,
    lost: Vec<FaceId>,
}

impl People {
    /// Reads the templates of all tenants and compares them with the index, which must be filled. At most `sample` of
    /// them, evenly spread, are searched for. `progress` hears of how many that was so far.
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

    /// The templates of all models behind `after`.
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

    /// Counts a template, and searches for it when it is one `every` so many's turn.
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
