//! The command line.

mod audit;
mod config;
mod contour;
mod detect;
mod doctor;
mod encoder;
mod enroll;
mod index;
mod keys;
mod local;
mod progress;
mod schema;
mod secret;
mod serve;
mod stop;
mod tenant;
mod time;
mod transfer;

use std::error::Error;
use std::io::{self, Write};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::app::{idle_engines, open_people};
use crate::clock::Clock;
use crate::config::Config;
use crate::database::Database;
use crate::people::People;
use crate::telemetry;

/// A self-hosted face platform, spoken to in GraphQL.
#[derive(Parser)]
#[command(version, about)]
struct Command {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Serve the GraphQL API and work on its jobs.
    Serve,
    /// Serve only POST /v1/selfie, as the encoding service of another FaceQL.
    Encoder,
    /// Print the GraphQL schema.
    Schema,
    /// Print every setting with its default, in the form of an .env file.
    Config,
    /// Check engine, models, database, secret and blob folder, and say how to mend what is not well.
    Doctor,
    /// Find the faces of image files, without a server: writes NAME.faces.jpg and NAME.faces.json.
    ///
    /// Exits with 1 when one of the files could not be read.
    Detect(detect::DetectArgs),
    /// Draw the regions of a segmentation map, levelled by the eyes, without a server: writes NAME.contour.svg and
    /// NAME.contour.json.
    Contour(contour::ContourArgs),
    /// Enroll many people from a folder tree or a CSV file; begun again, it goes on where it ended.
    ///
    /// Exits with 0 when every picture was taken, 1 when some were refused or it was stopped, 2 when it could not go
    /// on. It needs the database for itself: stop the server first.
    Enroll(enroll::EnrollArgs),
    /// Write people, vectors and consents to a file, to be imported elsewhere.
    ///
    /// The file holds personal data. It needs the database for itself: stop the server first.
    Export(transfer::ExportArgs),
    /// Put the people of an exported file into the database: all of them, or nobody.
    ///
    /// People who are there get the faces that they have not. It needs the database for itself: stop the server first.
    Import(transfer::ImportArgs),
    /// Make, list and revoke the keys that let callers in; a running server heeds it within seconds.
    #[command(subcommand)]
    Keys(keys::KeysTask),
    /// Check or rebuild the index of faces.
    ///
    /// It needs the database for itself: stop the server first.
    #[command(subcommand)]
    Index(index::IndexTask),
    /// Check the audit log, or print its end. A server may go on meanwhile.
    #[command(subcommand)]
    Audit(audit::AuditTask),
    /// Go on when the server's secret is lost.
    #[command(subcommand)]
    Secret(secret::SecretTask),
}

/// The exit code of what could not be carried out, where 1 is a verdict.
const NOT_DONE: u8 = 2;

impl Task {
    /// What it exits with when it cannot be carried out.
    fn failure(&self) -> ExitCode {
        match self {
            Self::Enroll(_) | Self::Index(_) | Self::Audit(_) | Self::Secret(_) => ExitCode::from(NOT_DONE),
            _ => ExitCode::FAILURE,
        }
    }
}

/// Why a command came to nothing: a sentence for the terminal.
type Fault = Box<dyn Error + Send + Sync>;

/// Does what the command line asks for.
pub async fn run() -> ExitCode {
    let task = Command::parse().task;
    match task {
        Task::Schema => return schema::print(),
        Task::Config => return config::print(),
        _ => {}
    }
    let failure = task.failure();
    let fail = |error: &dyn Error| {
        complain(error);
        failure
    };
    let config = match Config::load() {
        Ok(config) => config,
        Err(error) => return fail(&error),
    };
    // Only what serves is asked for by others, whose traces go on here.
    let traces = matches!(task, Task::Serve | Task::Encoder).then_some(&config.traces);
    let telemetry = match telemetry::start(&config.log, traces) {
        Ok(telemetry) => telemetry,
        Err(error) => return fail(&error),
    };
    let done = perform(task, config).await;
    telemetry.stop().await;
    done.unwrap_or_else(|error| fail(&*error))
}

async fn perform(task: Task, config: Config) -> Result<ExitCode, Fault> {
    let succeeded = |()| ExitCode::SUCCESS;
    match task {
        Task::Serve => Box::pin(serve::run(config)).await.map(succeeded).map_err(Into::into),
        Task::Encoder => encoder::run(config).await.map(succeeded).map_err(Into::into),
        Task::Doctor => Ok(doctor::run(&config).await),
        Task::Detect(images) => detect::run(&config, &images),
        Task::Contour(drawing) => contour::run(&config, &drawing).map(succeeded),
        Task::Enroll(enroll) => enroll::run(&config, enroll).await,
        Task::Export(export) => transfer::export(&config, export).await.map(succeeded),
        Task::Import(import) => transfer::import(&config, import).await.map(succeeded),
        Task::Keys(task) => keys::run(&config, task).await.map(succeeded),
        Task::Index(task) => index::run(&config, task).await,
        Task::Audit(task) => audit::run(&config, task).await,
        Task::Secret(task) => secret::run(&config, task).await,
        Task::Schema | Task::Config => Ok(ExitCode::SUCCESS),
    }
}

/// The people of a database that must be there, for work that looks at no picture.
async fn stored_people(config: &Config) -> Result<People, Fault> {
    Database::find(&config.database)?;
    Ok(Box::pin(open_people(config, Clock::system(), &idle_engines(&config.engine)?)).await?)
}

fn complain(error: &dyn Error) {
    remark(&format!("faceql: {error}"));
}

/// Says what is no result: where the result is piped elsewhere, it is still read.
fn remark(line: &str) {
    // There is nowhere else to say it.
    let _ = writeln!(io::stderr(), "{line}");
}

/// Says a result. Who stops reading, as `head` does, wants no more of it, and the work goes on to its end; where it
/// cannot be written for another reason, nothing more is done.
fn say(line: &str) {
    match write(line) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            remark(&format!("faceql: standard output: {error}"));
            std::process::exit(NOT_DONE.into());
        }
        _ => {}
    }
}

fn write(line: &str) -> io::Result<()> {
    writeln!(io::stdout(), "{line}")
}
