//! `faceql export` and `faceql import`.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, BufWriter, ErrorKind, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use flate2::Compression;
use flate2::bufread::MultiGzDecoder;
use flate2::write::GzEncoder;
use tempfile::NamedTempFile;

use super::progress::Progress;
use super::tenant::TenantArgs;
use super::{Fault, say, stop, stored_people};
use crate::access::caller::Caller;
use crate::app::{idle_engines, open_people};
use crate::clock::Clock;
use crate::config::Config;
use crate::people::{Exported, Imported, People, TransferError};

/// The arguments of `faceql export`.
#[derive(Args)]
pub(super) struct ExportArgs {
    /// The file to write, compressed if its name ends in .gz. It appears only when it is complete.
    file: PathBuf,
    /// Export only this gallery; by default all galleries of the tenant.
    #[arg(long)]
    gallery: Option<String>,
    #[command(flatten)]
    tenant: TenantArgs,
}

/// The arguments of `faceql import`.
#[derive(Args)]
pub(super) struct ImportArgs {
    /// A file written by `faceql export`, compressed or not.
    file: PathBuf,
    #[command(flatten)]
    tenant: TenantArgs,
}

/// The magic bytes of gzip.
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// Writes people, vectors and consents to a file, which appears only when it is complete.
pub(super) async fn export(config: &Config, export: ExportArgs) -> Result<(), Fault> {
    let (stop, shown) = (stop::on_signal(), export.file.display());
    let people = stored_people(config).await?;
    let partial = partial(&export.file).map_err(|error| format!("{shown}: {error}"))?;
    let caller = export.tenant.caller(config, &people.database, "faceql export").await?;
    let written = stop.run_until_cancelled(write(&people, &caller, &export, partial.as_file())).await;
    people.database.clone().close().await;
    let written = written.ok_or_else(|| format!("{shown}: stopped before it was complete"))?;
    let Exported { people, faces, faces_left_out } = written.map_err(|error| format!("{shown}: {error}"))?;
    let complete = partial.as_file().sync_all().and_then(|()| Ok(partial.persist(&export.file)?));
    complete.map_err(|error| format!("{shown}: {error}"))?;
    say(&format!("{people} people with {faces} faces written to {shown}"));
    if faces_left_out > 0 {
        say(&format!(
            "{faces_left_out} faces left out: they have no intact vector of the model in use; to export faces of \
             another model, set FACEQL_MODEL_PACK to its pack"
        ));
    }
    Ok(())
}

async fn write(
    people: &People,
    caller: &Caller,
    export: &ExportArgs,
    file: &File,
) -> Result<Exported, TransferError> {
    let mut progress = Progress::new("people", None);
    let gallery = export.gallery.as_deref();
    let told = |exported: &Exported| progress.set(exported.people);
    let mut file = BufWriter::new(file);
    let exported = if export.file.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("gz")) {
        let mut packed = GzEncoder::new(&mut file, Compression::default());
        let exported = people.export(caller, gallery, &mut packed, told).await?;
        packed.finish()?;
        exported
    } else {
        people.export(caller, gallery, &mut file, told).await?
    };
    file.flush()?;
    progress.finish();
    Ok(exported)
}

/// A temporary file next to `complete`, to be renamed to that when it is complete; dropping it before deletes it. Only
/// the current user may read it, since vectors are personal data.
fn partial(complete: &Path) -> io::Result<NamedTempFile> {
    let folder = complete.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let name = complete.file_name().ok_or(ErrorKind::InvalidFilename)?;
    // An export that was killed may have left one.
    match fs::remove_file(folder.join(name).with_added_extension("partial")) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    tempfile::Builder::new().prefix(name).suffix(".partial").rand_bytes(0).tempfile_in(folder)
}

/// Imports the people of a file in one transaction.
pub(super) async fn import(config: &Config, import: ImportArgs) -> Result<(), Fault> {
    let shown = import.file.display();
    let source = open(&import.file).map_err(|error| format!("{shown}: {error}"))?;
    let people = open_people(config, Clock::system(), &idle_engines(&config.engine)?).await?;
    let mut progress = Progress::new("people", None);
    let caller = import.tenant.caller(config, &people.database, "faceql import").await?;
    let imported = people.import(&caller, source, |imported| progress.set(imported.people)).await;
    progress.finish();
    people.database.clone().close().await;
    let imported = imported.map_err(|error| format!("{shown}: {error}. Nothing was imported"))?;
    let Imported { people, new_people, new_faces, known_faces } = imported;
    say(&format!(
        "{people} people imported from {shown}: {new_people} new, with {new_faces} new faces; {known_faces} faces \
         existed already"
    ));
    Ok(())
}

/// Opens a file for reading, decompressing it if it is gzip.
fn open(file: &Path) -> io::Result<Box<dyn BufRead>> {
    let mut file = BufReader::new(File::open(file)?);
    let compressed = file.fill_buf()?.starts_with(&GZIP);
    Ok(if compressed { Box::new(BufReader::new(MultiGzDecoder::new(file))) } else { Box::new(file) })
}
