//! Reads the list of people to enroll and their image files: a folder for each person, or a CSV file.

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

/// The people to enroll, and the invalid parts of the list.
#[derive(Default)]
pub(super) struct List {
    pub(super) people: Vec<Listed>,
    pub(super) refused: Vec<Refusal>,
}

/// Values for people for whom the list specifies none.
pub(super) struct Defaults {
    pub(super) gallery: String,
    pub(super) consent: Option<Consent>,
}

/// Reads a folder or a CSV file.
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
        return Err(("NO_PERSON", "the file is not in a person's folder".into()));
    }
    let name = path.file_name().and_then(|name| name.to_str());
    let name = name.ok_or(("BAD_USER_INPUT", "the folder's name is not UTF-8".into()))?;
    let pictures = visible(path).map_err(|error| ("UNREADABLE", error.to_string()))?;
    if pictures.is_empty() {
        return Err(("NO_IMAGE", "the folder is empty".into()));
    }
    let key = PersonKey { gallery: defaults.gallery.clone(), external_id: name.into() };
    Ok(Listed { pictures, ..defaults.person(key) })
}

/// The entries of a folder in order of their names, except those that begin with a dot.
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

/// The first three are required.
const COLUMNS: [&str; 6] = ["externalId", "path", "consent", "consentReference", "displayName", "gallery"];

fn table(file: &Path, defaults: &Defaults) -> Result<List, Fault> {
    let mut reader = ReaderBuilder::new().trim(Trim::All).from_path(file)?;
    let header = reader.headers()?.clone();
    if let Some(unknown) = header.iter().find(|name| !COLUMNS.contains(name)) {
        return Err(format!("unknown column {unknown:?}; the columns are {}", COLUMNS.join(", ")).into());
    }
    if let Some(missing) = COLUMNS[..3].iter().find(|name| !header.iter().any(|column| column == **name)) {
        return Err(format!("the first line lacks the column {missing:?}").into());
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
    /// Reads a row; the error describes what is wrong with it.
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

    /// Adds the row to its person. Of several rows, the last one with a value takes precedence.
    fn add_to(self, Listed { request, pictures }: &mut Listed, base: &Path) {
        pictures.push(base.join(self.path));
        if let Some(name) = self.display_name {
            request.changes.display_name = Change::Set(name);
        }
        request.changes.consent = self.consent.or(request.changes.consent.take());
    }
}
