//! The command line.

mod config;
mod contour;
mod detect;
mod doctor;
mod encoder;
mod local;
mod schema;
mod serve;
mod stop;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::config::Config;
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
    /// Check engine, models, database and blob folder, and say how to mend what is not well.
    Doctor,
    /// Find the faces of image files, without a server: writes NAME.faces.jpg and NAME.faces.json.
    ///
    /// Exits with 1 when one of the files could not be read.
    Detect(detect::DetectArgs),
    /// Draw the regions of a segmentation map, levelled by the eyes, without a server: writes NAME.contour.svg and
    /// NAME.contour.json.
    Contour(contour::ContourArgs),
}

/// Does what the command line asks for.
pub async fn run() -> ExitCode {
    let task = Command::parse().task;
    match task {
        Task::Schema => return schema::print(),
        Task::Config => return config::print(),
        _ => {}
    }
    let config = match Config::load() {
        Ok(config) => config,
        Err(error) => return fail(&error),
    };
    telemetry::start(&config.log);
    let done = match task {
        Task::Serve => serve::run(config).await.map_err(Into::into),
        Task::Encoder => encoder::run(config).await.map_err(Into::into),
        Task::Doctor => return doctor::run(&config).await,
        Task::Detect(images) => match detect::run(&config, &images) {
            Ok(code) => return code,
            Err(error) => Err(error),
        },
        Task::Contour(drawing) => contour::run(&config, &drawing),
        Task::Schema | Task::Config => Ok(()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&*error),
    }
}

fn fail(error: &dyn std::error::Error) -> ExitCode {
    complain(error);
    ExitCode::FAILURE
}

#[expect(clippy::print_stderr, reason = "the command line speaks to its user")]
fn complain(error: &dyn std::error::Error) {
    eprintln!("faceql: {error}");
}

#[expect(clippy::print_stdout, reason = "the command line speaks to its user")]
fn say(line: &str) {
    println!("{line}");
}
