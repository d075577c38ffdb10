//! An external encoding service: `POST` of an image as the multipart field `file`, answered by
//! `[[128 numbers], ...]`, a vector for each face. Gives no boxes and no quality.

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
use crate::config::{Setting, Settings};
use crate::metrics::ServiceMetrics;
use crate::telemetry::{TRACED, trace_headers};

/// The length of the vectors of a service whose model we do not know.
const USUAL_DIMENSIONS: u32 = 128;

/// Largest answer that is read: some 1,500 faces of 128 numbers.
const MAX_ANSWER_BYTES: usize = 4 << 20;

/// Most faces in an answer: a crowd, and far more than an image shows at a size that can be told apart.
const MAX_FACES: usize = 500;

/// An external encoding service.
#[derive(Clone, Debug)]
pub struct RemoteConfig {
    /// Where images are posted to.
    pub url: Url,
    /// Sent as a bearer token.
    pub key: Option<String>,
    /// The pack whose thresholds hold for its vectors.
    pub model: Option<String>,
    /// How long an answer may take.
    pub timeout: Duration,
    /// Requests under way at once.
    pub concurrency: usize,
}

impl RemoteConfig {
    pub(crate) fn read(settings: &mut Settings) -> Option<Self> {
        let url = Setting {
            name: "ENCODING_SERVICE_URL",
            about: "An external encoding service (http:// or https://, with its path: /v1/selfie); unset means the \
                    embedded engine.",
        };
        let key =
            Setting { name: "ENCODING_SERVICE_KEY", about: "The service's key, sent as a bearer token." };
        let model = Setting {
            name: "ENCODING_SERVICE_MODEL",
            about: "The model pack whose thresholds hold for the service's vectors; unset means that images are \
                    not compared.",
        };
        let timeout = Setting {
            name: "ENCODING_SERVICE_TIMEOUT_MS",
            about: "How long the service's answer may take, in milliseconds.",
        };
        let concurrency = Setting {
            name: "ENCODING_SERVICE_CONCURRENCY",
            about: "Requests to the service under way at once.",
        };
        let url = settings.url(url);
        let key = settings.optional(key);
        let model = settings.optional(model);
        let timeout = settings.milliseconds(timeout, 30_000, 10..=600_000);
        let concurrency = settings.number(concurrency, 8, 1..=256);
        url.map(|url| Self { url, key, model, timeout, concurrency })
    }
}

/// Why the client could not be made.
#[derive(Debug, thiserror::Error)]
#[error("the client of the encoding service: {0}")]
pub struct RemoteError(#[from] reqwest::Error);

/// Speaks to an external encoding service. Cloning shares its connections.
#[derive(Clone)]
pub struct RemoteEncoder {
    client: Client,
    config: Arc<RemoteConfig>,
    slots: Arc<Semaphore>,
    model: ModelCard,
    metrics: ServiceMetrics,
}

impl RemoteEncoder {
    /// A client of the service. `known` is the model of the pack that the configuration names; without it the
    /// vectors have no thresholds and are not compared.
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub fn new(config: RemoteConfig, known: Option<ModelCard>) -> Result<Self, RemoteError> {
        // reqwest brings no TLS provider here; where one is installed already, it stays.
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
    /// [`EncodeError::Image`] when the service says that it is none, [`EncodeError::Unavailable`] when it is not
    /// there, too slow, overloaded or answers nonsense, [`EncodeError::Refused`] for any other refusal.
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
                return Err(
                    ImageError::Invalid { reason: "the encoding service could not read it".into() }.into()
                );
            }
            status if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS => {
                return Err(unavailable(&format!("it answered {status}")));
            }
            status => return Err(EncodeError::Refused(format!("the encoding service answered {status}"))),
        }
        self.vectors(&read_bounded(answer).await?)
    }

    /// The model that its vectors are taken to be of.
    #[must_use]
    pub fn model(&self) -> &ModelCard {
        &self.model
    }

    /// What is counted of its answers.
    #[must_use]
    pub fn metrics(&self) -> &ServiceMetrics {
        &self.metrics
    }

    /// Whether the service can be reached at all: any HTTP answer will do.
    pub(super) async fn health(&self) -> Result<String, String> {
        let at = self.config.url.host_str().unwrap_or_default();
        match self.client.get(self.config.url.clone()).timeout(Duration::from_secs(2)).send().await {
            Ok(_) => Ok(format!("encoding service at {at}")),
            Err(error) => Err(format!("encoding service at {at}: {}", describe(&error))),
        }
    }

    fn vectors(&self, answer: &[u8]) -> Result<Vec<Encoding>, EncodeError> {
        let vectors: Vec<Vec<f64>> =
            serde_json::from_slice(answer).map_err(|_| unavailable("its answer is no list of vectors"))?;
        if vectors.len() > MAX_FACES {
            return Err(unavailable(&format!("it found more than {MAX_FACES} faces in an image")));
        }
        let dimensions = self.model.dimensions.unwrap_or(USUAL_DIMENSIONS) as usize;
        let well_formed =
            |vector: &Vec<f64>| vector.len() == dimensions && vector.iter().all(|number| number.is_finite());
        if !vectors.iter().all(well_formed) {
            return Err(unavailable(&format!("its vectors are not of {dimensions} finite numbers")));
        }
        Ok(vectors.into_iter().map(|vector| Encoding { vector, face: None }).collect())
    }
}

/// As metrics and traces have it.
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
            return Err(unavailable("its answer is too long"));
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

fn unavailable(what: &str) -> EncodeError {
    EncodeError::Unavailable(format!("the encoding service is unavailable: {what}"))
}

/// Says what failed, without the address: clients read it, and it may hold a secret.
fn describe(error: &reqwest::Error) -> String {
    let what = if error.is_timeout() {
        "no answer in time"
    } else if error.is_connect() {
        "no connection"
    } else {
        "the exchange broke off"
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
