//! Who is to be enrolled from which files: a folder for each person, or a table.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use csv::{Position, ReaderBuilder, StringRecord, Trim};

use super::report::Refusal;
use crate::cli::Fault;
use crate::cli::time::time;
use crate::people::{Change, Consent, EnrollMode, EnrollRequest, PersonChanges, PersonKey};

/// A person to be enrolled.
pub(super) struct Listed {
    pub(super) request: EnrollRequest,
    pub(super) pictures: Vec<PathBuf>,
}

/// Everybody, and what of the list is of no use.
#[derive(Default)]
pub(super) struct List {
    pub(super) people: Vec<Listed>,
    pub(super) refused: Vec<Refusal>,
}

/// What holds for those of whom the list does not say it.
pub(super) struct Defaults {
    pub(super) gallery: String,
    pub(super) consent: Option<Consent>,
}

/// Reads a folder or a table.
pub(super) fn read(source: &Path, defaults: &Defaults) -> Result<List, Fault> {
    let list = if source.is_dir() { folder(source, defaults) } else { table(source, defaults) };
    list.map_err(|error| format!("{}: {error}", source.display()).into())
}

impl Defaults {
    fn person(&self, key: PersonKey) -> Listed {
        let changes = PersonChanges { consent: self.consent.clone(), ..PersonChanges::default() };
        let request = EnrollRequest { key, changes, mode: EnrollMode::Add };
        Listed { request, pictures: Vec::new() }
    }
}

fn folder(root: &Path, defaults: &Defaults) -> Result<List, Fault> {
    let mut list = List::default();
    for path in visible(root)? {
        match person_of_folder(&path, defaults) {
            Ok(person) => list.people.push(person),
            Err((code, message)) => {
                let path = Some(path.display().to_string());
                list.refused.push(Refusal { external_id: None, path, code, message });
            }
        }
    }
    Ok(list)
}

fn person_of_folder(path: &Path, defaults: &Defaults) -> Result<Listed, (&'static str, String)> {
    if !path.is_dir() {
        return Err(("NO_PERSON", "it lies in no person's folder".into()));
    }
    let name = path.file_name().and_then(|name| name.to_str());
    let name = name.ok_or(("BAD_USER_INPUT", "the folder's name is no UTF-8 text".into()))?;
    let pictures = visible(path).map_err(|error| ("UNREADABLE", error.to_string()))?;
    if pictures.is_empty() {
        return Err(("NO_IMAGE", "the folder is empty".into()));
    }
    let key = PersonKey { gallery: defaults.gallery.clone(), external_id: name.into() };
    Ok(Listed { pictures, ..defaults.person(key) })
}

/// What is in a folder by name, without what begins with a dot.
fn visible(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        if !entry.file_name().as_encoded_bytes().starts_with(b".") {
            paths.push(entry.path());
        }
    }
    paths.sort();
    Ok(paths)
}

/// The first three are needed.
const COLUMNS: [&str; 6] = ["externalId", "path", "consent", "consentReference", "displayName", "gallery"];

fn table(file: &Path, defaults: &Defaults) -> Result<List, Fault> {
    let mut reader = ReaderBuilder::new().trim(Trim::All).from_path(file)?;
    let header = reader.headers()?.clone();
    if let Some(unknown) = header.iter().find(|name| !COLUMNS.contains(name)) {
        return Err(format!("no column is named {unknown:?}; there are {}", COLUMNS.join(", ")).into());
    }
    if let Some(missing) = COLUMNS[..3].iter().find(|name| !header.iter().any(|column| column == **name)) {
        return Err(format!("the first line names no column {missing:?}").into());
    }
    let base = file.parent().unwrap_or(Path::new(""));
    let (mut list, mut places) = (List::default(), HashMap::new());
    for row in reader.records() {
        match row.map_err(|error| error.to_string()).and_then(|row| Row::read(&header, &row)) {
            Ok(row) => {
                let gallery = row.gallery.clone().unwrap_or_else(|| defaults.gallery.clone());
                let key = PersonKey { gallery, external_id: row.external_id.clone() };
                let place = *places.entry(key.clone()).or_insert_with(|| {
                    list.people.push(defaults.person(key));
                    list.people.len() - 1
                });
                row.add_to(&mut list.people[place], base);
            }
            Err(message) => {
                let (path, code) = (Some(file.display().to_string()), "BAD_USER_INPUT");
                list.refused.push(Refusal { external_id: None, path, code, message });
            }
        }
    }
    Ok(list)
}

struct Row {
    external_id: String,
    path: String,
    consent: Option<Consent>,
    display_name: Option<String>,
    gallery: Option<String>,
}

impl Row {
    /// Reads a row, or says what is wrong with it.
    fn read(header: &StringRecord, row: &StringRecord) -> Result<Self, String> {
        let line = row.position().map_or(0, Position::line);
        let value = |name: &str| {
            let place = header.iter().position(|column| column == name)?;
            row.get(place).filter(|value| !value.is_empty()).map(str::to_owned)
        };
        let needed = |name: &str| value(name).ok_or_else(|| format!("line {line}: {name} is empty"));
        let consent = match value("consent") {
            None => None,
            Some(text) => Some(Consent {
                granted_at: time(&text).map_err(|error| format!("line {line}: consent: {error}"))?,
                reference: value("consentReference"),
            }),
        };
        Ok(Self {
            external_id: needed("externalId")?,
            path: needed("path")?,
            consent,
            display_name: value("displayName"),
            gallery: value("gallery"),
        })
    }

    /// Of several rows of a person the last that says something counts.
    fn add_to(self, Listed { request, pictures }: &mut Listed, base: &Path) {
        pictures.push(base.join(self.path));
        if let Some(name) = self.display_name {
            request.changes.display_name = Change::Set(name);
        }
        request.changes.consent = self.consent.or(request.changes.consent.take());
    }
}
