//! Client of an external encoding service: a `POST` of an image as the multipart field `file` returns
//! `[[128 numbers], ...]`, one vector per face. The service returns no boxes and no quality.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use reqwest::multipart::{Form, Part};
use reqwest::{Client, StatusCode, Url};
use sha2::{Digest, Sha256};
use tokio::sync::Semaphore;
use tracing::field::Empty;
use tracing::{Instrument, debug_span};
use vision::{ImageError, ModelCard, ModelDigest, ModelRole};

use super::{EncodeError, Encoding};
use crate::metrics::ServiceMetrics;
use crate::settings::{Setting, Settings};
use crate::telemetry::{TRACED, trace_headers};

/// Vector length of a service whose model is unknown.
const USUAL_DIMENSIONS: u32 = 128;

/// Maximum size of a response: some 1,500 faces of 128 numbers.
const MAX_ANSWER_BYTES: usize = 4 << 20;

/// Maximum number of faces in a response: far more than an image can show at a recognisable size.
const MAX_FACES: usize = 500;

/// Settings of an external encoding service.
#[derive(Clone, Debug)]
pub struct RemoteConfig {
    /// URL to which images are posted.
    pub url: Url,
    /// API key, sent as a bearer token.
    pub key: Option<String>,
    /// Model pack whose thresholds apply to the vectors.
    pub model: Option<String>,
    /// Maximum time to wait for a response.
    pub timeout: Duration,
    /// Maximum number of concurrent requests.
    pub concurrency: usize,
}

impl RemoteConfig {
    pub(crate) fn read(settings: &mut Settings) -> Option<Self> {
        let url = settings.url(Setting::new(
            "ENCODING_SERVICE_URL",
            "Address of an external encoding service, with its path /v1/selfie. Empty: the embedded engine.",
        ));
        let key = settings.optional(Setting::new(
            "ENCODING_SERVICE_KEY",
            "API key of the encoding service, sent as a bearer token.",
        ));
        let model = settings.optional(Setting::new(
            "ENCODING_SERVICE_MODEL",
            "Model pack whose thresholds apply to the service's vectors. Empty: images are not compared.",
        ));
        let timeout = Setting::new(
            "ENCODING_SERVICE_TIMEOUT_MS",
            "How long the encoding service may take to answer, in milliseconds.",
        );
        let timeout = settings.milliseconds(timeout, 30_000, 10..=600_000);
        let concurrency = Setting::new(
            "ENCODING_SERVICE_CONCURRENCY",
            "Requests to the encoding service in progress at the same time.",
        );
        let concurrency = settings.number(concurrency, 8, 1..=256);
        url.map(|url| Self { url, key, model, timeout, concurrency })
    }
}

/// Why the client could not be created.
#[derive(Debug, thiserror::Error)]
#[error("the client of the encoding service: {0}")]
pub struct RemoteError(#[from] reqwest::Error);

/// Client of an external encoding service. Clones share its connections.
#[derive(Clone)]
pub struct RemoteEncoder {
    client: Client,
    config: Arc<RemoteConfig>,
    slots: Arc<Semaphore>,
    model: ModelCard,
    metrics: ServiceMetrics,
}

impl RemoteEncoder {
    /// A client of the service. `known` is the model of the configured pack; without it the vectors have no thresholds
    /// and are not compared.
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub fn new(config: RemoteConfig, known: Option<ModelCard>) -> Result<Self, RemoteError> {
        // reqwest is built without a TLS provider; an installed one is kept.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder().timeout(config.timeout).redirect(reqwest::redirect::Policy::none());
        Ok(Self {
            client: client.build()?,
            slots: Arc::new(Semaphore::new(config.concurrency)),
            model: known.unwrap_or_else(|| unknown_model(&config.url)),
            config: Arc::new(config),
            metrics: ServiceMetrics::default(),
        })
    }

    /// See [`super::Encoder::encode`].
    ///
    /// # Errors
    /// [`EncodeError::Image`] when the service rejects the image, [`EncodeError::Unavailable`] when it is unreachable,
    /// too slow, overloaded or returns an invalid response, [`EncodeError::Refused`] for any other rejection.
    pub async fn encode(&self, image: Bytes) -> Result<Vec<Encoding>, EncodeError> {
        let _slot = self.slots.acquire().await.map_err(|_| unavailable("its client has stopped"))?;
        let span = debug_span!(target: TRACED, "encoding service", otel.kind = "client", outcome = Empty);
        let start = Instant::now();
        let encoded = self.ask(image).instrument(span.clone()).await;
        let outcome = outcome(&encoded);
        self.metrics.asked(outcome, start.elapsed());
        span.record("outcome", outcome);
        encoded
    }

    async fn ask(&self, image: Bytes) -> Result<Vec<Encoding>, EncodeError> {
        let form = Form::new().part("file", Part::stream(image).file_name("image"));
        let mut request = self.client.post(self.config.url.clone()).headers(trace_headers()).multipart(form);
        if let Some(key) = &self.config.key {
            request = request.bearer_auth(key);
        }
        let answer = request.send().await.map_err(|error| unavailable(&describe(&error)))?;
        match answer.status() {
            StatusCode::OK => {}
            StatusCode::BAD_REQUEST => {
                return Err(ImageError::Invalid {
                    reason: "the encoding service could not read the image".into(),
                }
                .into());
            }
            status if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS => {
                return Err(unavailable(&format!("it responded with {status}")));
            }
            status => {
                return Err(EncodeError::Refused(format!("the encoding service responded with {status}")));
            }
        }
        self.vectors(&read_bounded(answer).await?)
    }

    /// The model that the vectors are assumed to belong to.
    #[must_use]
    pub fn model(&self) -> &ModelCard {
        &self.model
    }

    /// Metrics of the service's responses.
    #[must_use]
    pub fn metrics(&self) -> &ServiceMetrics {
        &self.metrics
    }

    /// Checks whether the service is reachable; any HTTP response counts.
    pub(super) async fn health(&self) -> Result<String, String> {
        let at = self.config.url.host_str().unwrap_or_default();
        match self.client.get(self.config.url.clone()).timeout(Duration::from_secs(2)).send().await {
            Ok(_) => Ok(format!("encoding service at {at}")),
            Err(error) => Err(format!("encoding service at {at}: {}", describe(&error))),
        }
    }

    fn vectors(&self, answer: &[u8]) -> Result<Vec<Encoding>, EncodeError> {
        let vectors: Vec<Vec<f64>> = serde_json::from_slice(answer)
            .map_err(|_| unavailable("its response is not a list of vectors"))?;
        if vectors.len() > MAX_FACES {
            return Err(unavailable(&format!("it returned more than {MAX_FACES} faces for an image")));
        }
        let dimensions = self.model.dimensions.unwrap_or(USUAL_DIMENSIONS) as usize;
        let well_formed =
            |vector: &Vec<f64>| vector.len() == dimensions && vector.iter().all(|number| number.is_finite());
        if !vectors.iter().all(well_formed) {
            return Err(unavailable(&format!("its vectors do not have {dimensions} finite numbers")));
        }
        Ok(vectors.into_iter().map(|vector| Encoding { vector, face: None }).collect())
    }
}

/// Outcome label in metrics and traces.
fn outcome<T>(encoded: &Result<T, EncodeError>) -> &'static str {
    match encoded {
        Ok(_) => "encoded",
        Err(EncodeError::Image(_)) => "no_image",
        Err(EncodeError::Unavailable(_)) => "unavailable",
        Err(EncodeError::Refused(_)) => "refused",
    }
}

async fn read_bounded(mut answer: reqwest::Response) -> Result<Vec<u8>, EncodeError> {
    let mut bytes = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(|error| unavailable(&describe(&error)))? {
        if bytes.len() + chunk.len() > MAX_ANSWER_BYTES {
            return Err(unavailable("its response is too long"));
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

fn unavailable(what: &str) -> EncodeError {
    EncodeError::Unavailable(format!("the encoding service is unavailable: {what}"))
}

/// Describes an error without the URL, because clients see the text and the URL may contain a secret.
fn describe(error: &reqwest::Error) -> String {
    let what = if error.is_timeout() {
        "the request timed out"
    } else if error.is_connect() {
        "it could not be reached"
    } else {
        "the connection was interrupted"
    };
    what.into()
}

fn unknown_model(url: &Url) -> ModelCard {
    ModelCard {
        name: "encoding-service".into(),
        version: "unknown".into(),
        role: ModelRole::Encoder,
        digest: ModelDigest::from_bytes(Sha256::digest(format!("encoding service {url}")).into()),
        dimensions: Some(USUAL_DIMENSIONS),
        metric: None,
        matching: None,
        license: "unknown".into(),
        training_data: None,
    }
}
