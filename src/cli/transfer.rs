//! `faceql export` and `faceql import`.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, BufWriter, ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use clap::Args;
use flate2::Compression;
use flate2::bufread::MultiGzDecoder;
use flate2::write::GzEncoder;

use super::progress::Progress;
use super::tenant::TenantArgs;
use super::{Fault, say, stop, stored_people};
use crate::app::{idle_engines, open_people};
use crate::caller::Caller;
use crate::clock::Clock;
use crate::config::Config;
use crate::people::{Exported, Imported, People, TransferError};

/// What is exported, and where to.
#[derive(Args)]
pub(super) struct ExportArgs {
    /// The file to write, compressed when its name ends in .gz. It appears once it is complete.
    file: PathBuf,
    /// Only this gallery; without it all of the tenant's.
    #[arg(long)]
    gallery: Option<String>,
    #[command(flatten)]
    tenant: TenantArgs,
}

/// What is imported.
#[derive(Args)]
pub(super) struct ImportArgs {
    /// A file that `faceql export` wrote, compressed or not.
    file: PathBuf,
    #[command(flatten)]
    tenant: TenantArgs,
}

/// Gzip's first bytes.
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// Writes people, vectors and consents to a file, which appears once it is complete.
pub(super) async fn export(config: &Config, export: ExportArgs) -> Result<(), Fault> {
    let (stop, shown) = (stop::on_signal(), export.file.display());
    let people = stored_people(config).await?;
    let partial = Partial::create(&export.file).map_err(|error| format!("{shown}: {error}"))?;
    let caller = export.tenant.caller(config, &people.database, "faceql export").await?;
    let written = stop.run_until_cancelled(write(&people, &caller, &export, &partial)).await;
    people.database.clone().close().await;
    let written = written.ok_or_else(|| format!("{shown}: stopped before it was complete"))?;
    let Exported { people, faces, faces_left_out } = written.map_err(|error| format!("{shown}: {error}"))?;
    partial.complete().map_err(|error| format!("{shown}: {error}"))?;
    say(&format!("{people} people with {faces} faces written to {shown}"));
    if faces_left_out > 0 {
        say(&format!(
            "{faces_left_out} faces left out: they have no sound vector of the model at work; export those of another \
             model with FACEQL_MODEL_PACK naming its pack"
        ));
    }
    Ok(())
}

async fn write(
    people: &People,
    caller: &Caller,
    export: &ExportArgs,
    partial: &Partial,
) -> Result<Exported, TransferError> {
    let mut progress = Progress::new("people", None);
    let gallery = export.gallery.as_deref();
    let told = |exported: &Exported| progress.set(exported.people);
    let mut file = BufWriter::new(&partial.file);
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

/// A file that is not complete yet: it has another name until it is, and is gone when it never is.
struct Partial {
    file: File,
    path: PathBuf,
    complete: PathBuf,
}

impl Partial {
    /// Vectors are personal data: only the user may read the file.
    fn create(complete: &Path) -> io::Result<Self> {
        let mut path = OsString::from(complete);
        path.push(".partial");
        let path = PathBuf::from(path);
        // Left over by an export that was killed.
        match fs::remove_file(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let file = File::options().write(true).create_new(true).mode(0o600).open(&path)?;
        Ok(Self { file, path, complete: complete.to_owned() })
    }

    fn complete(self) -> io::Result<()> {
        self.file.sync_all()?;
        fs::rename(&self.path, &self.complete)
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        // After `complete` there is nothing by that name.
        let _ = fs::remove_file(&self.path);
    }
}

/// Puts the people of a file into the database: all of them, or nobody.
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
        "{people} people imported from {shown}: {new_people} new, with {new_faces} new faces; {known_faces} faces were \
         here already"
    ));
    Ok(())
}

/// The text of a file, unpacked if it is compressed.
fn open(file: &Path) -> io::Result<Box<dyn BufRead>> {
    let mut file = BufReader::new(File::open(file)?);
    let compressed = file.fill_buf()?.starts_with(&GZIP);
    Ok(if compressed { Box::new(BufReader::new(MultiGzDecoder::new(file))) } else { Box::new(file) })
}
