//! Images to encodings, for the domains: by the embedded engine on threads of its own, or by an external
//! encoding service. Knows no job and no container.

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

use crate::caller::{Actor, Caller};
use crate::metrics::ServiceMetrics;

pub use embedded::{EmbeddedEncoder, EngineConfig, MakeEngine, StartError};
pub use line::Reservation;
pub use models::KnownModels;
pub use remote::{RemoteConfig, RemoteEncoder, RemoteError};

/// Who encodes.
#[derive(Clone)]
pub enum Encoder {
    /// The engine in this process.
    Embedded(Box<EmbeddedEncoder>),
    /// Another server.
    Remote(RemoteEncoder),
}

/// Who does what.
#[derive(Clone)]
pub struct Engines {
    /// Encodes the images of containers.
    pub encoder: Encoder,
    /// Looks at the pictures of people: an external service gives neither boxes nor quality.
    pub embedded: EmbeddedEncoder,
}

impl Engines {
    /// All models at work, each once.
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

    /// What the client of the encoding service counts, if there is one.
    #[must_use]
    pub fn service_metrics(&self) -> Option<&ServiceMetrics> {
        self.service().map(RemoteEncoder::metrics)
    }

    /// How the encoding service is, if there is one: a line for operators.
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

/// For whom the engine works. Its threads take turns among tenants, and among the keys of each.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Client {
    /// Whose data it is.
    pub tenant: Tenant,
    /// By what it was let in; `None` for a job, which is no longer anybody's request.
    pub actor: Option<Actor>,
}

impl Client {
    /// A job of that tenant.
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

/// Who waits for the engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Urgency {
    /// A person, who gets the answer with the response.
    Urgent,
    /// A job: it comes when nobody waits.
    Background,
}

impl Urgency {
    /// As metrics have it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Urgent => "urgent",
            Self::Background => "background",
        }
    }
}

/// One face of an image.
#[derive(Clone, Debug)]
pub struct Encoding {
    /// As many finite numbers as the model has dimensions, unscaled.
    pub vector: Vec<f64>,
    /// Where the face is; a remote service gives vectors alone.
    pub face: Option<DetectedFace>,
}

/// An image whose faces were looked for.
#[derive(Clone, Debug)]
pub struct AnnotatedImage {
    /// The faces, largest first.
    pub faces: Vec<DetectedFace>,
    /// A copy with the faces drawn in, as JPEG.
    pub jpeg: Bytes,
}

/// Why an image was not encoded.
#[derive(Debug, thiserror::Error)]
pub enum EncodeError {
    /// The image is at fault.
    #[error(transparent)]
    Image(#[from] ImageError),
    /// The encoder is not there, too slow or broken; it may be well later.
    #[error("{0}")]
    Unavailable(String),
    /// The encoder refuses us, and will go on to.
    #[error("{0}")]
    Refused(String),
}

impl Encoder {
    /// The faces of `image`, largest first; none when it shows no face.
    ///
    /// # Errors
    /// [`EncodeError`] says whether another attempt is worth while.
    pub async fn encode(&self, client: &Client, image: Bytes) -> Result<Vec<Encoding>, EncodeError> {
        match self {
            Self::Embedded(embedded) => embedded.encode(client, image).await,
            Self::Remote(remote) => remote.encode(image).await,
        }
    }

    /// The model that its vectors are of.
    #[must_use]
    pub fn model(&self) -> &ModelCard {
        match self {
            Self::Embedded(embedded) => embedded.model(),
            Self::Remote(remote) => remote.model(),
        }
    }

    /// One line on how it is, for operators; `Err` when it is not well.
    ///
    /// # Errors
    /// What is wrong.
    pub async fn health(&self) -> Result<String, String> {
        match self {
            Self::Embedded(embedded) => embedded.health(),
            Self::Remote(remote) => remote.health().await,
        }
    }
}
