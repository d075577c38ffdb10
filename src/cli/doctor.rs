//! `faceql doctor`: one line per component with its state and, if it fails, the remedy.

use std::process::ExitCode;

use super::say;
use crate::access::database_secret;
use crate::app;
use crate::config::Config;
use crate::people::NameCollisions;
use crate::store::blobs::{BlobError, Blobs};
use crate::store::database::{Database, OpenError};

/// Checks every component separately, so that one fault does not hide another.
pub(super) async fn run(config: &Config) -> ExitCode {
    let parts = [
        ("models", models(config)),
        ("engine", engine(config).await),
        ("database", database(config).await),
        ("secret", secret(config).await),
        ("blobs", blobs(config).await),
    ];
    for (name, state) in &parts {
        match state {
            Ok(detail) => say(&format!("ok   {name}: {detail}")),
            Err(fault) => say(&format!("FAIL {name}: {fault}")),
        }
    }
    if parts.iter().all(|(_, state)| state.is_ok()) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn models(config: &Config) -> Result<String, String> {
    let pack = vision::Pack::load(&config.engine.pack).map_err(|error| error.to_string())?;
    let (detector, encoder) = (pack.detector(), pack.encoder());
    Ok(format!("{} and {}, digests of all files match", detector.name, encoder.name))
}

async fn engine(config: &Config) -> Result<String, String> {
    let engines = app::engines(config).await.map_err(|error| error.to_string())?;
    engines.encoder.health().await
}

async fn database(config: &Config) -> Result<String, String> {
    let file = config.database.file.display();
    match Database::look(&config.database).await {
        Ok(due) if due.is_empty() => {
            names(config).await?;
            Ok(format!("{file} can be read and its schema is up to date"))
        }
        Ok(due) => {
            Ok(format!("{file} can be read; the next start applies the migrations {}", due.join(", ")))
        }
        Err(OpenError::InUse) => Ok(format!("{file} is in use by a running FaceQL")),
        Err(error @ OpenError::Missing { .. }) => Err(error.to_string()),
        Err(error) => Err(format!("{error}; check that DATABASE_URL names a FaceQL database")),
    }
}

/// Checks that no two names differ only in their Unicode normalization.
async fn names(config: &Config) -> Result<(), String> {
    let said = |error: sea_orm::DbErr| error.to_string();
    let connection = Database::read_only(&config.database).await.map_err(said)?;
    let collisions = NameCollisions::read(&connection).await.map_err(said)?;
    connection.close().await.map_err(said)?;
    if collisions.is_empty() {
        return Ok(());
    }
    let sentences: Vec<String> = collisions.sentences().collect();
    Err(format!("{}; {}", sentences.join("; "), NameCollisions::REMEDY))
}

async fn secret(config: &Config) -> Result<String, String> {
    let (file, database) = (config.secret.file.display(), &config.database);
    match Database::look(database).await {
        Err(OpenError::Missing { .. }) => {
            return Ok(format!("{file} will be the secret of the database once that is created"));
        }
        Ok(due) if !due.is_empty() => {
            return Ok(format!("{file} can be checked once the database's schema is up to date"));
        }
        _ => {}
    }
    let reader = Database::read_only(database).await.map_err(|error| error.to_string())?;
    let looked = database_secret::look(&reader, &database.file, &config.secret).await;
    match looked.map_err(|error| error.to_string())? {
        Some(_) => Ok(format!("{file} belongs to the database")),
        None => Ok(format!("the next start creates {file}")),
    }
}

async fn blobs(config: &Config) -> Result<String, String> {
    let folder = config.blobs.folder.display();
    let mend = |error| format!("{error}; check that FACEQL_BLOB_FOLDER is writable");
    let blobs = match Blobs::open(&config.blobs, config.database.durable) {
        Err(BlobError::InUse { .. }) => return Ok(format!("{folder} is in use by a running FaceQL")),
        opened => opened.map_err(mend)?,
    };
    blobs.probe().await.map_err(mend)?;
    Ok(format!("{folder} is writable"))
}
