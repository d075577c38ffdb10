//! A client that fills containers with images, and deletes them.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use fastrand::Rng;
use serde_json::{Value, json};

use super::Error;
use super::api::{Answer, Api};

/// Maximum number of containers; the oldest is deleted for a new one.
const KEPT: usize = 4;
/// Maximum number of images per container.
const IMAGES: usize = 4;
/// Number of deleted containers that are checked again.
const REMEMBERED: usize = 16;
/// Maximum time for all images to be encoded once the server is no longer killed.
const PATIENCE: Duration = Duration::from_mins(2);

const CREATE: &str =
    "mutation($metadata: JSON) { createContainer(input: { metadata: $metadata }) { container { id } } }";
const UPLOAD: &str = "mutation($id: ID!, $file: Upload!) {
    uploadImage(input: { containerId: $id, image: { upload: $file } }) { image { id } } }";
const DELETE: &str =
    "mutation($id: ID!) { deleteContainer(input: { containerId: $id }) { deletedContainerId } }";
const READ: &str =
    "query($id: ID!) { container(id: $id) { metadata settled images { id status revision attempts } } }";

/// One client, and the changes acknowledged to it.
pub(crate) struct Containers {
    random: Rng,
    kept: BTreeMap<String, Container>,
    deleted: VecDeque<String>,
    uploaded: usize,
}

#[derive(Default)]
struct Container {
    metadata: Value,
    images: BTreeSet<String>,
    /// Uploads whose responses were lost: they may exist or not.
    lost_uploads: usize,
    /// A deletion whose response was lost.
    is_perhaps_deleted: bool,
}

impl Containers {
    /// A client that makes its decisions with `random`.
    pub(crate) fn new(random: Rng) -> Self {
        Self { random, kept: BTreeMap::new(), deleted: VecDeque::new(), uploaded: 0 }
    }

    /// Number of acknowledged images.
    pub(crate) fn uploaded(&self) -> usize {
        self.uploaded
    }

    /// Makes one change.
    pub(crate) async fn step(&mut self, api: &Api) -> Result<(), Error> {
        let open = self.kept.iter().find(|(_, container)| container.images.len() < IMAGES);
        match open.map(|(id, _)| id.clone()) {
            Some(id) => self.upload(api, &id).await,
            None if self.kept.len() < KEPT => self.create(api).await,
            None => self.delete_first(api).await,
        }
    }

    async fn create(&mut self, api: &Api) -> Result<(), Error> {
        let metadata = json!({ "note": "x".repeat(self.random.usize(..4000)) });
        let answer =
            api.change(CREATE, json!({ "metadata": metadata }), "/createContainer/container/id").await?;
        if let Answer::Done(id) = answer {
            self.kept.insert(text(&id)?, Container { metadata, ..Container::default() });
        }
        Ok(())
    }

    async fn upload(&mut self, api: &Api, id: &str) -> Result<(), Error> {
        let variables = json!({ "id": id, "file": null });
        let picture = picture(&mut self.random);
        let answer = api.change_by_picture(UPLOAD, variables, picture, "/uploadImage/image/id").await?;
        let container = self.kept.get_mut(id).ok_or("a container that is not kept")?;
        match answer {
            Answer::Done(image) => {
                container.images.insert(text(&image)?);
                self.uploaded += 1;
            }
            Answer::Lost => container.lost_uploads += 1,
            Answer::Refused => {}
        }
        Ok(())
    }

    async fn delete_first(&mut self, api: &Api) -> Result<(), Error> {
        let Some((id, _)) = self.kept.first_key_value() else { return Ok(()) };
        let id = id.clone();
        match api.change(DELETE, json!({ "id": id }), "").await? {
            Answer::Done(_) => self.forget(&id),
            Answer::Lost => {
                self.kept.entry(id).and_modify(|container| container.is_perhaps_deleted = true);
            }
            Answer::Refused => {}
        }
        Ok(())
    }

    fn forget(&mut self, id: &str) {
        self.kept.remove(id);
        self.deleted.push_front(id.to_owned());
        self.deleted.truncate(REMEMBERED);
    }

    /// Checks that acknowledged objects exist and deleted ones do not.
    pub(crate) async fn check(&mut self, api: &Api) -> Result<(), Error> {
        let mut gone = Vec::new();
        for (id, container) in &mut self.kept {
            match api.ask(READ, json!({ "id": id }), "/container").await? {
                Value::Null if container.is_perhaps_deleted => gone.push(id.clone()),
                Value::Null => return Err(format!("{id} was acknowledged but is lost").into()),
                found => container.compare(id, &found)?,
            }
        }
        for id in &gone {
            self.forget(id);
        }
        for id in &self.deleted {
            let found = api.ask(READ, json!({ "id": id }), "/container").await?;
            if !found.is_null() {
                return Err(format!("{id} was deleted but exists again: {found}").into());
            }
        }
        Ok(())
    }

    /// Waits until all images are encoded, and checks that each was completed once.
    pub(crate) async fn check_completed(&self, api: &Api) -> Result<(), Error> {
        let start = Instant::now();
        for id in self.kept.keys() {
            let found = loop {
                let found = api.ask(READ, json!({ "id": id }), "/container").await?;
                if found["settled"] == true {
                    break found;
                }
                if start.elapsed() > PATIENCE {
                    return Err(format!("{id} is not settled after {PATIENCE:?}: {found}").into());
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            };
            for image in images(&found) {
                // Its upload, the start of each attempt, and one end.
                let revisions = image["attempts"].as_i64().map(|attempts| attempts + 2);
                if image["status"] != "COMPLETED" || image["revision"].as_i64() != revisions {
                    return Err(format!("an image of {id} has a wrong final state: {image}").into());
                }
            }
        }
        Ok(())
    }
}

impl Container {
    /// Compares with the server's state. Unknown outcomes are known afterwards.
    fn compare(&mut self, id: &str, found: &Value) -> Result<(), Error> {
        let there: BTreeSet<String> =
            images(found).iter().map(|image| text(&image["id"])).collect::<Result<_, _>>()?;
        let unknown = there.difference(&self.images).count();
        if !self.images.is_subset(&there) || unknown > self.lost_uploads || found["metadata"] != self.metadata
        {
            let (expected, lost) = (&self.images, self.lost_uploads);
            let told =
                format!("{id} should have {expected:?} and at most {lost} more images, but has {found}");
            return Err(told.into());
        }
        *self = Self { images: there, metadata: self.metadata.take(), ..Self::default() };
        Ok(())
    }
}

fn images(container: &Value) -> &[Value] {
    container["images"].as_array().map_or(&[], Vec::as_slice)
}

fn text(value: &Value) -> Result<String, Error> {
    Ok(value.as_str().ok_or_else(|| format!("no id: {value}"))?.to_owned())
}

/// An image without a face, 64 pixels on each side: a 24-bit BMP in a random colour.
fn picture(random: &mut Rng) -> Vec<u8> {
    const SIDE: u32 = 64;
    let pixels = SIDE * SIDE * 3;
    let mut file = b"BM".to_vec();
    for number in [54 + pixels, 0, 54, 40, SIDE, SIDE] {
        file.extend(number.to_le_bytes());
    }
    file.extend([1, 0, 24, 0]);
    for number in [0, pixels, 2835, 2835, 0, 0] {
        file.extend(number.to_le_bytes());
    }
    let colour = [random.u8(..), random.u8(..), random.u8(..)];
    file.extend(colour.iter().cycle().take(pixels as usize));
    file
}
