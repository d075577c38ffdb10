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
use crate::people::People;
use crate::store::database::Database;
use crate::telemetry;

/// A self-hosted face recognition platform with a GraphQL API.
#[derive(Parser)]
#[command(version, about)]
struct Command {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Serve the GraphQL API and process background jobs.
    Serve,
    /// Serve only POST /v1/selfie, as the encoding service of another FaceQL server.
    Encoder,
    /// Print the GraphQL schema.
    Schema,
    /// Print every setting with its default, in the format of an .env file.
    Config,
    /// Check models, engine, database, secret and blob folder, and report how to fix problems.
    Doctor,
    /// Detect faces in image files without a server. Writes NAME.faces.jpg and NAME.faces.json.
    ///
    /// Exits with 1 if one of the files could not be processed.
    Detect(detect::DetectArgs),
    /// Draw the regions of a segmentation map, levelled by the eyes, without a server. Writes NAME.contour.svg and
    /// NAME.contour.json.
    Contour(contour::ContourArgs),
    /// Enroll many people from a folder tree or a CSV file. If interrupted, run it again to continue.
    ///
    /// Exits with 0 if every image was enrolled, 1 if some were refused or it was stopped, 2 if it failed. It needs
    /// exclusive access to the database: stop the server first.
    Enroll(enroll::EnrollArgs),
    /// Export people, vectors and consents to a file.
    ///
    /// The file contains personal data. It needs exclusive access to the database: stop the server first.
    Export(transfer::ExportArgs),
    /// Import the people of an exported file, either all of them or none.
    ///
    /// Existing people get the faces that they lack. It needs exclusive access to the database: stop the server first.
    Import(transfer::ImportArgs),
    /// Create, list and revoke API keys. A running server applies changes within seconds.
    #[command(subcommand)]
    Keys(keys::KeysTask),
    /// Check or rebuild the index of faces.
    ///
    /// It needs exclusive access to the database: stop the server first.
    #[command(subcommand)]
    Index(index::IndexTask),
    /// Verify the audit log or print its head. The server may keep running.
    #[command(subcommand)]
    Audit(audit::AuditTask),
    /// Replace a lost secret of the server.
    #[command(subcommand)]
    Secret(secret::SecretTask),
}

/// Exit code of a command that could not be carried out, where 1 is a negative result.
const NOT_DONE: u8 = 2;

impl Task {
    /// The exit code when the command cannot be carried out.
    fn failure(&self) -> ExitCode {
        match self {
            Self::Enroll(_) | Self::Index(_) | Self::Audit(_) | Self::Secret(_) => ExitCode::from(NOT_DONE),
            _ => ExitCode::FAILURE,
        }
    }
}

/// Why a command failed, as a message for the terminal.
type Fault = Box<dyn Error + Send + Sync>;

/// Parses the command line and runs the command.
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
    // Only servers export traces, since only they receive requests that belong to one.
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

/// Opens the people domain of an existing database, for commands that process no images.
async fn stored_people(config: &Config) -> Result<People, Fault> {
    Database::find(&config.database)?;
    Ok(Box::pin(open_people(config, Clock::system(), &idle_engines(&config.engine)?)).await?)
}

fn complain(error: &dyn Error) {
    remark(&format!("faceql: {error}"));
}

/// Prints a message to standard error, separate from results on standard output.
fn remark(line: &str) {
    // A failure to write to standard error cannot be reported.
    let _ = writeln!(io::stderr(), "{line}");
}

/// Prints a result to standard output. If the reader has closed the pipe, as `head` does, the command still runs to its
/// end; any other failure to write ends the process.
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
