//! `faceql enroll`.

mod list;
mod report;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use clap::Args;
use futures_util::{Stream, StreamExt};
use tokio_util::sync::CancellationToken;

use super::Fault;
use super::tenant::TenantArgs;
use super::time::time;
use crate::access::caller::Caller;
use crate::app::{embedded_encoder, open_people};
use crate::clock::Clock;
use crate::config::Config;
use crate::graphql::{ApiError, ErrorCode};
use crate::people::{Consent, EnrollRequest, People, PeopleError, Rejected, Rejection};
use crate::store::error::StoreError;
use list::{Defaults, List, Listed};
use report::{Outcome, Refusal, Report};

/// Images of a person that are processed together and held in memory.
const PICTURES_AT_ONCE: usize = 4;

/// Maximum number of consecutive internal failures, after which the command gives up.
const MAX_FAILURES: usize = 10;

/// The arguments of `faceql enroll`.
#[derive(Args)]
pub(super) struct EnrollArgs {
    /// A folder that contains a folder of images for each person, named by the externalId; or a CSV file with a row for
    /// each image and the columns externalId, path (relative to the CSV file) and consent (a time such as
    /// 2026-01-31T12:00:00Z, or empty), and optionally consentReference, displayName and gallery.
    source: PathBuf,
    /// Gallery of people for whom the list specifies none.
    #[arg(long, default_value = "default")]
    gallery: String,
    /// Time of consent of people for whom the list specifies none. New people need a consent; that of existing people
    /// is replaced.
    #[arg(long, value_name = "TIME", value_parser = time)]
    consent_granted_at: Option<DateTime<Utc>>,
    /// Reference to the proof of that consent.
    #[arg(long, value_name = "TEXT", requires = "consent_granted_at")]
    consent_reference: Option<String>,
    /// Write refused images and people to this file, one JSON object per line.
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    #[command(flatten)]
    tenant: TenantArgs,
}

pub(super) async fn run(config: &Config, enroll: EnrollArgs) -> Result<ExitCode, Fault> {
    let all_taken = enroll_all(config, enroll).await?;
    Ok(if all_taken { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Returns whether all images were enrolled: false if some were refused or the command was stopped.
async fn enroll_all(config: &Config, enroll: EnrollArgs) -> Result<bool, Fault> {
    let EnrollArgs { source, gallery, consent_granted_at, consent_reference, report, tenant } = enroll;
    let consent = consent_granted_at.map(|granted_at| Consent { granted_at, reference: consent_reference });
    let List { people: listed, refused } = list::read(&source, &Defaults { gallery, consent })?;
    let stop = super::stop::on_signal();
    let engine = embedded_encoder(&config.engine).await?;
    let people = open_people(config, Clock::system(), &engine.into()).await?;
    people.load().await?;
    let mut report = Report::new(report.as_deref(), listed.len())?;
    refused.iter().try_for_each(|refusal| report.refuse(refusal))?;
    let caller = tenant.caller(config, &people.database, "faceql enroll").await?;
    let work = Work { people: &people, caller, max_bytes: config.engine.limits.max_bytes };
    // More people than threads, so that the engine is busy while files are read and rows written.
    let outcomes = work.outcomes(listed, 2 * config.engine.threads + 2, &stop);
    let gone_through = report.note_all(outcomes, MAX_FAILURES).await;
    people.database.clone().close().await;
    let all_taken = report.finish();
    gone_through?;
    Ok(all_taken)
}

/// What enrolling any person needs.
struct Work<'a> {
    people: &'a People,
    caller: Caller,
    max_bytes: u64,
}

impl Work<'_> {
    /// Enrolls the people, `at_once` of them concurrently, and yields their outcomes. Starts no one after `stop`.
    fn outcomes(
        &self,
        listed: Vec<Listed>,
        at_once: usize,
        stop: &CancellationToken,
    ) -> impl Stream<Item = Outcome> {
        futures_util::stream::iter(listed)
            .take_while(|_| std::future::ready(!stop.is_cancelled()))
            .map(|person| self.enroll(person))
            .buffer_unordered(at_once)
    }

    async fn enroll(&self, Listed { request, pictures }: Listed) -> Outcome {
        let mut outcome = Outcome::default();
        let at_once = PICTURES_AT_ONCE.min(self.people.config.faces_per_person);
        for paths in pictures.chunks(at_once) {
            if let Err(error) = self.enroll_some(&request, paths, &mut outcome).await {
                outcome.broken = is_ours(&error);
                let (external_id, message) = (Some(request.key.external_id), error.to_string());
                let code = ApiError::from(error).code.name();
                outcome.refused.push(Refusal { external_id, path: None, code, message });
                break;
            }
        }
        outcome
    }

    async fn enroll_some(
        &self,
        request: &EnrollRequest,
        paths: &[PathBuf],
        outcome: &mut Outcome,
    ) -> Result<(), PeopleError> {
        let (mut read, mut images) = (Vec::new(), Vec::new());
        let refusal = |path: &Path, code, message| Refusal {
            external_id: Some(request.key.external_id.clone()),
            path: Some(path.display().to_string()),
            code,
            message,
        };
        for path in paths {
            match self.picture(path).await {
                Ok(image) => {
                    read.push(path);
                    images.push(image);
                }
                Err(error) => outcome.refused.push(refusal(path, "UNREADABLE", error.to_string())),
            }
        }
        if images.is_empty() {
            return Ok(());
        }
        let enrolled = self.people.enroll_new(&self.caller, request, images).await?;
        outcome.taken += enrolled.taken;
        outcome.known += enrolled.known;
        for Rejected { index, reason } in enrolled.rejected {
            let (code, message) = (ErrorCode::from(&reason).name(), self.words(&reason).await);
            outcome.refused.push(refusal(read[index], code, message));
        }
        Ok(())
    }

    /// Reads an image file, unless it is too large.
    async fn picture(&self, path: &Path) -> std::io::Result<Bytes> {
        let metadata = tokio::fs::metadata(path).await?;
        if !metadata.is_file() {
            return Err(std::io::Error::other("it is not a file"));
        }
        let (size, most) = (metadata.len(), self.max_bytes);
        if size > most {
            let reason = format!("the file has {size} bytes, more than FACEQL_MAX_UPLOAD_BYTES ({most})");
            return Err(std::io::Error::other(reason));
        }
        Ok(tokio::fs::read(path).await?.into())
    }

    /// The message for a rejection, including the externalId of a conflicting person.
    async fn words(&self, reason: &Rejection) -> String {
        let Some(conflicting) = reason.conflicting() else { return reason.to_string() };
        match self.people.people(&self.caller, &[conflicting]).await.as_deref() {
            Ok([other]) => format!("{reason}: {:?}", other.external_id),
            _ => reason.to_string(),
        }
    }
}

/// Whether the failure is internal, that is, caused neither by the images nor by the list.
fn is_ours(error: &PeopleError) -> bool {
    match error {
        PeopleError::EngineUnavailable(_) => true,
        PeopleError::Store(error) => !matches!(error, StoreError::Idempotency(_)),
        _ => false,
    }
}
