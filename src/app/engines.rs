//! Creates the engines that the configuration requests.

use std::sync::Arc;

use tracing::{info, warn};
use vision::{EmbeddedEngine, FaceEngine, ModelCard, Pack};

use super::AppError;
use crate::config::Config;
use crate::inference::{EmbeddedEncoder, Encoder, EngineConfig, Engines, RemoteEncoder};

/// An engine that processes no images, for commands that only work on stored data. Knows the models of the configured
/// pack.
///
/// # Errors
/// When the pack cannot be loaded.
pub fn idle_engines(config: &EngineConfig) -> Result<Engines, AppError> {
    let pack = Pack::load(&config.pack)?;
    Ok(EmbeddedEncoder::idle(pack.detector().clone(), pack.encoder().clone()).into())
}

/// The engines that `config` requests, warmed up.
///
/// # Errors
/// When their models or their client cannot be loaded.
pub async fn engines(config: &Config) -> Result<Engines, AppError> {
    let embedded = embedded_encoder(&config.engine).await?;
    let encoder = match &config.remote {
        None => Encoder::Embedded(Box::new(embedded.clone())),
        Some(remote) => {
            let known = remote.model.as_deref().and_then(|name| model_of_pack(&config.engine, name));
            info!("images of containers are encoded by an external service");
            Encoder::Remote(RemoteEncoder::new(remote.clone(), known)?)
        }
    };
    Ok(Engines { encoder, embedded })
}

/// The embedded engine with the models of the configured pack, warmed up.
///
/// # Errors
/// When the pack or ONNX Runtime cannot be loaded.
pub async fn embedded_encoder(config: &EngineConfig) -> Result<EmbeddedEncoder, AppError> {
    let pack = Pack::load(&config.pack)?;
    let (runtime, least) = (config.runtime.clone(), config.min_scores);
    let make = move || {
        let mut engine = EmbeddedEngine::load(&runtime, &pack, 1)?.with_min_scores(least);
        engine.warm_up()?;
        Ok(Box::new(engine) as Box<dyn FaceEngine>)
    };
    Ok(EmbeddedEncoder::start(config, Arc::new(make)).await?)
}

/// The encoder of the installed pack with this name.
fn model_of_pack(config: &EngineConfig, name: &str) -> Option<ModelCard> {
    let folder = config.pack.with_file_name(name);
    match Pack::load(&folder) {
        Ok(pack) => Some(pack.encoder().clone()),
        Err(error) => {
            warn!(%error, "ENCODING_SERVICE_MODEL names no installed pack: images will not be compared");
            None
        }
    }
}
