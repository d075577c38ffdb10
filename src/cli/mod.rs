//! The command line.

mod config;
mod doctor;
mod encoder;
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
}

/// Does what the command line asks for.
pub async fn run() -> ExitCode {
    let task = Command::parse().task;
    match task {
        Task::Schema => return schema::print(),
        Task::Config => return config::print(),
        Task::Serve | Task::Encoder | Task::Doctor => {}
    }
    let config = match Config::load() {
        Ok(config) => config,
        Err(error) => return fail(&error),
    };
    telemetry::start(&config.log);
    let done = match task {
        Task::Serve => serve::run(config).await,
        Task::Encoder => encoder::run(config).await,
        Task::Doctor => return doctor::run(&config).await,
        Task::Schema | Task::Config => Ok(()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&error),
    }
}

#[expect(clippy::print_stderr, reason = "the command line speaks to its user")]
fn fail(error: &dyn std::error::Error) -> ExitCode {
    eprintln!("faceql: {error}");
    ExitCode::FAILURE
}

#[expect(clippy::print_stdout, reason = "the command line speaks to its user")]
fn say(line: &str) {
    println!("{line}");
}
