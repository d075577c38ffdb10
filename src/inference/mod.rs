//! Encodes images for the domains, with the embedded engine on its own threads or with an external encoding service.
//! Independent of jobs and containers.

pub mod decimal;
mod embedded;
mod line;
mod memory;
mod models;
mod remote;
mod thread;
mod timed;
mod turns;

use bytes::Bytes;
use entity::ids::Tenant;
use vision::{DetectedFace, ImageError, ModelCard};

use crate::access::caller::Caller;
use crate::actor::Actor;
use crate::metrics::ServiceMetrics;

pub use embedded::{EmbeddedEncoder, EngineConfig, StartError};
pub use line::Reservation;
pub use models::KnownModels;
pub use remote::{RemoteConfig, RemoteEncoder, RemoteError};
pub use thread::MakeEngine;

/// An encoder of images.
#[derive(Clone)]
pub enum Encoder {
    /// The engine in this process.
    Embedded(Box<EmbeddedEncoder>),
    /// An external encoding service.
    Remote(RemoteEncoder),
}

/// The engines of a server.
#[derive(Clone)]
pub struct Engines {
    /// Encodes the images of containers.
    pub encoder: Encoder,
    /// Analyses the images of people: an external service returns neither boxes nor quality.
    pub embedded: EmbeddedEncoder,
}

impl Engines {
    /// All loaded models, each once.
    #[must_use]
    pub fn models(&self) -> Vec<&ModelCard> {
        let mut models = vec![self.embedded.detector(), self.embedded.model()];
        if let Encoder::Remote(remote) = &self.encoder
            && remote.model().digest != self.embedded.model().digest
        {
            models.push(remote.model());
        }
        models
    }

    /// Metrics of the encoding service's client, if one is configured.
    #[must_use]
    pub fn service_metrics(&self) -> Option<&ServiceMetrics> {
        self.service().map(RemoteEncoder::metrics)
    }

    /// Status of the encoding service, if one is configured: one line for operators.
    pub async fn service_health(&self) -> Option<Result<String, String>> {
        match self.service() {
            Some(service) => Some(service.health().await),
            None => None,
        }
    }

    fn service(&self) -> Option<&RemoteEncoder> {
        match &self.encoder {
            Encoder::Embedded(_) => None,
            Encoder::Remote(remote) => Some(remote),
        }
    }
}

impl From<EmbeddedEncoder> for Engines {
    fn from(embedded: EmbeddedEncoder) -> Self {
        Self { encoder: Encoder::Embedded(Box::new(embedded.clone())), embedded }
    }
}

/// The client of an engine request. Engine threads alternate between tenants, and between the keys of each tenant.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Client {
    /// Tenant that owns the data.
    pub tenant: Tenant,
    /// The authenticated actor; `None` for a job, which does not belong to a current request.
    pub actor: Option<Actor>,
}

impl Client {
    /// The client of a job of that tenant.
    #[must_use]
    pub fn job(tenant: &Tenant) -> Self {
        Self { tenant: tenant.clone(), actor: None }
    }
}

impl From<&Caller> for Client {
    fn from(caller: &Caller) -> Self {
        Self { tenant: caller.tenant.clone(), actor: Some(caller.actor) }
    }
}

/// Priority of an engine request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Urgency {
    /// A request that waits for the result.
    Urgent,
    /// A job, processed when no urgent request waits.
    Background,
}

impl Urgency {
    /// Name in metrics.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Urgent => "urgent",
            Self::Background => "background",
        }
    }
}

/// The encoding of one face of an image.
#[derive(Clone, Debug)]
pub struct Encoding {
    /// Finite values, as many as the model has dimensions, not normalised.
    pub vector: Vec<f64>,
    /// Location and quality of the face; `None` for a remote service, which returns only vectors.
    pub face: Option<DetectedFace>,
}

/// The faces detected in an image, and an annotated copy.
#[derive(Clone, Debug)]
pub struct AnnotatedImage {
    /// The faces, largest first.
    pub faces: Vec<DetectedFace>,
    /// The annotated copy, as JPEG.
    pub jpeg: Bytes,
}

/// Why an image could not be encoded.
#[derive(Debug, thiserror::Error)]
pub enum EncodeError {
    /// The image is invalid.
    #[error(transparent)]
    Image(#[from] ImageError),
    /// The encoder is unreachable, too slow or failing; a retry may succeed.
    #[error("{0}")]
    Unavailable(String),
    /// The encoder rejects this server; a retry would fail the same way.
    #[error("{0}")]
    Refused(String),
}

impl Encoder {
    /// Encodes the faces of `image`, largest first; empty if the image shows no face.
    ///
    /// # Errors
    /// [`EncodeError`], which tells whether a retry can succeed.
    pub async fn encode(&self, client: &Client, image: Bytes) -> Result<Vec<Encoding>, EncodeError> {
        match self {
            Self::Embedded(embedded) => embedded.encode(client, image).await,
            Self::Remote(remote) => remote.encode(image).await,
        }
    }

    /// The model of the vectors.
    #[must_use]
    pub fn model(&self) -> &ModelCard {
        match self {
            Self::Embedded(embedded) => embedded.model(),
            Self::Remote(remote) => remote.model(),
        }
    }

    /// A one-line status for operators; `Err` if the encoder is not working.
    ///
    /// # Errors
    /// A description of the problem.
    pub async fn health(&self) -> Result<String, String> {
        match self {
            Self::Embedded(embedded) => embedded.health(),
            Self::Remote(remote) => remote.health().await,
        }
    }
}
