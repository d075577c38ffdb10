//! A client that enrolls one person, replaces the person's faces, deletes the person, and searches in between.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use super::Error;
use super::api::{Answer, Api};

const ENROLL: &str =
    "mutation($gallery: String!, $consent: ConsentInput!, $mode: EnrollMode!, $file: Upload!) {
    enrollPerson(input: { gallery: $gallery, externalId: \"somebody\", consent: $consent, mode: $mode,
        images: [{ upload: $file }] }) { rejected { code } } }";
const DELETE: &str =
    "mutation($key: PersonKey!) { deletePerson(input: { person: { key: $key } }) { deletedFaceCount } }";
const COUNT: &str = "query($key: PersonKey!) { person(by: { key: $key }) { faceCount } }";
const IDENTIFY: &str = "mutation($gallery: String!, $file: Upload!) {
    identifyPerson(input: { gallery: $gallery, image: { upload: $file }, minSimilarity: 0 }) {
        searchedFaces candidates { person { externalId } } } }";

/// The changes, repeated in this order.
const CYCLE: [Change; 4] = [
    Change::Enroll { photo: 0, mode: "ADD", faces: 1 },
    Change::Enroll { photo: 1, mode: "ADD", faces: 2 },
    Change::Enroll { photo: 2, mode: "REPLACE", faces: 1 },
    Change::Delete,
];
/// Photos of one person.
const PHOTOS: [&str; 3] = ["obama.jpg", "obama2.jpg", "obama3.jpg"];

enum Change {
    /// Leaves the person with that many faces.
    Enroll {
        photo: usize,
        mode: &'static str,
        faces: u64,
    },
    Delete,
}

impl Change {
    fn faces(&self) -> u64 {
        match self {
            Self::Enroll { faces, .. } => *faces,
            Self::Delete => 0,
        }
    }
}

/// One client with its own gallery.
pub(crate) struct Gallery {
    name: String,
    photos: Vec<Vec<u8>>,
    /// Number of changes that were executed.
    done: usize,
    /// The response to the next change was lost: it was executed or not.
    is_in_doubt: bool,
}

impl Gallery {
    /// The gallery of client `number`, with the setup's photos.
    pub(crate) fn new(number: usize, photos: &Path) -> Result<Self, Error> {
        let read = |name: &&str| {
            let photo = photos.join(name);
            fs::read(&photo)
                .map_err(|error| format!("{}: {error}; run `make prepare` first", photo.display()))
        };
        let photos = PHOTOS.iter().map(read).collect::<Result<_, _>>()?;
        Ok(Self { name: format!("torture-{number}"), photos, done: 0, is_in_doubt: false })
    }

    /// Number of acknowledged changes.
    pub(crate) fn changes(&self) -> usize {
        self.done
    }

    /// Makes the next change, and then searches for the person.
    pub(crate) async fn step(&mut self, api: &Api) -> Result<(), Error> {
        match self.change(api).await? {
            Answer::Done(_) => self.done += 1,
            Answer::Refused => {}
            Answer::Lost => {
                self.is_in_doubt = true;
                return Ok(());
            }
        }
        self.search(api).await
    }

    async fn change(&self, api: &Api) -> Result<Answer, Error> {
        match &CYCLE[self.done % CYCLE.len()] {
            Change::Enroll { photo, mode, .. } => {
                let consent = json!({ "grantedAt": "2026-01-31T12:00:00Z" });
                let variables =
                    json!({ "gallery": self.name, "consent": consent, "mode": mode, "file": null });
                let at = "/enrollPerson/rejected";
                let answer =
                    api.change_by_picture(ENROLL, variables, self.photos[*photo].clone(), at).await?;
                match &answer {
                    Answer::Done(rejected) if *rejected != json!([]) => {
                        Err(format!("a good photo was rejected: {rejected}").into())
                    }
                    _ => Ok(answer),
                }
            }
            Change::Delete => api.change(DELETE, json!({ "key": self.key() }), "").await,
        }
    }

    /// Checks that searches find acknowledged people and no deleted ones.
    async fn search(&self, api: &Api) -> Result<(), Error> {
        let variables = json!({ "gallery": self.name, "file": null });
        let photo = self.photos[0].clone();
        let Answer::Done(found) =
            api.search_by_picture(IDENTIFY, variables, photo, "/identifyPerson").await?
        else {
            return Ok(());
        };
        let (searched, people) = (found["searchedFaces"].as_u64(), found["candidates"].as_array());
        let faces = faces_after(self.done);
        if searched == Some(faces) && people.map(Vec::len) == Some(usize::from(faces > 0)) {
            return Ok(());
        }
        Err(format!("{} has {faces} acknowledged faces, but a search returned {found}", self.name).into())
    }

    /// Checks that the person is as acknowledged. Unknown outcomes are known afterwards.
    pub(crate) async fn check(&mut self, api: &Api) -> Result<(), Error> {
        let found = api.ask(COUNT, json!({ "key": self.key() }), "/person").await?;
        let faces = if found.is_null() { 0 } else { found["faceCount"].as_u64().unwrap_or(u64::MAX) };
        if self.is_in_doubt && faces == faces_after(self.done + 1) {
            self.done += 1;
        }
        if faces != faces_after(self.done) {
            let expected = faces_after(self.done);
            return Err(format!("{} should have {expected} faces, but has {faces}", self.name).into());
        }
        self.is_in_doubt = false;
        self.search(api).await
    }

    fn key(&self) -> Value {
        json!({ "gallery": self.name, "externalId": "somebody" })
    }
}

/// The number of the person's faces after that many changes.
fn faces_after(changes: usize) -> u64 {
    let last = changes.checked_sub(1).map(|last| &CYCLE[last % CYCLE.len()]);
    last.map_or(0, Change::faces)
}
