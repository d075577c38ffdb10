//! Bulk work from the shell, with the real binary: people are enrolled from folders and tables and moved to another
//! database, and their index is checked.

mod enroll;
mod index;
mod names;
mod refused;
mod transfer;

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use entity::{face, person, template};
use faceql::app::App;
use faceql::clock::Clock;
use sea_orm::{EntityTrait, QueryOrder};
use serde_json::Value;
use tempfile::TempDir;

use crate::support::photo;
use crate::support::pictures::home;
use crate::support::server::{config, real_encoder, runtime};

pub(crate) const CONSENT: [&str; 4] =
    ["--consent-granted-at", "2026-01-31T12:00:00Z", "--consent-reference", "form 7"];

/// `faceql` with these arguments, its database in `folder`.
fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_faceql"));
    command.args(arguments).current_dir(folder).env_clear().stdin(Stdio::null());
    command.env("FACEQL_ONNX_RUNTIME", runtime());
    command.env("FACEQL_MODEL_PACK", home().join("packs/standard"));
    command.envs([("DATABASE_URL", "sqlite:faceql.db"), ("FACEQL_BLOB_FOLDER", "blobs")]);
    command.env("FACEQL_ENGINE_THREADS", "1");
    command
}

/// The output of `faceql` with these arguments, which must exit with `code`.
pub(crate) fn faceql(code: i32, folder: &Path, arguments: &[&str]) -> String {
    said(code, &command(folder, arguments).output().unwrap())
}

/// The output of a command, which must have exited with `code`.
fn said(code: i32, output: &Output) -> String {
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(code), "{out}{err}");
    format!("{out}{err}")
}

fn put(folder: &Path, path: &str, bytes: &[u8]) {
    let path = folder.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
}

/// A folder with two people and three good images.
pub(crate) fn tree() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    put(folder.path(), "people/barack/1.jpg", &photo("obama.jpg"));
    put(folder.path(), "people/barack/2.jpg", &photo("obama2.jpg"));
    put(folder.path(), "people/joe/biden.jpg", &photo("biden.jpg"));
    folder
}

fn enroll_tree(code: i32, folder: &Path) -> String {
    faceql(code, folder, &[&["enroll", "people"], CONSENT.as_slice()].concat())
}

/// The people of [`tree`], enrolled.
fn enrolled_tree() -> TempDir {
    let folder = tree();
    enroll_tree(0, folder.path());
    folder
}

/// The service on the database in `folder`; [`close`] it before another process needs it.
async fn open(folder: &Path) -> Box<App> {
    Box::new(App::new(config(folder, &[]), Clock::system(), real_encoder().await).await.unwrap())
}

async fn close(app: Box<App>) {
    app.database().clone().close().await;
}

type Rows = (Vec<person::Model>, Vec<face::Model>, Vec<template::Model>);

/// Every row about people, in the order of their ids.
async fn rows(folder: &Path) -> Rows {
    let app = open(folder).await;
    let reader = app.database().reader();
    let people = person::Entity::find().order_by_asc(person::Column::Id).all(reader).await.unwrap();
    let faces = face::Entity::find().order_by_asc(face::Column::Id).all(reader).await.unwrap();
    let templates = template::Entity::find().order_by_asc(template::Column::FaceId);
    let templates = templates.all(reader).await.unwrap();
    close(app).await;
    (people, faces, templates)
}

/// The lines of a JSON lines file.
fn lines(file: &Path) -> Vec<Value> {
    let text = fs::read_to_string(file).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn write_lines(file: &Path, lines: &[Value]) {
    let lines: Vec<String> = lines.iter().map(Value::to_string).collect();
    fs::write(file, lines.join("\n") + "\n").unwrap();
}
