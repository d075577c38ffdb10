//! TLS, for servers that are not behind a proxy. Renewed certificates are loaded without a restart.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use axum::serve::Listener;
use parking_lot::RwLock;
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tls_listener::{SpawningHandshakes, TlsListener};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use super::{Accounted, Connection, Doorway, pause_after};
use crate::http::listener::account::Account;
use crate::settings::{Setting, Settings};

/// Interval between checks for a renewed certificate.
const RENEWAL: Duration = Duration::from_mins(1);
/// How long a handshake may take.
const HANDSHAKE_TIME: Duration = Duration::from_secs(10);

/// The files of the server's certificate.
#[derive(Clone, Debug)]
pub struct TlsConfig {
    /// PEM file with the certificate followed by its chain.
    pub certificate: PathBuf,
    /// PEM file with the private key.
    pub key: PathBuf,
}

impl TlsConfig {
    pub(crate) fn read(settings: &mut Settings) -> Option<Self> {
        let certificate = Setting::new(
            "FACEQL_TLS_CERTIFICATE_FILE",
            "Certificate with its chain, in PEM. With it the server speaks HTTPS. Renewed files are loaded without a restart.",
        );
        let key = Setting::new("FACEQL_TLS_KEY_FILE", "Private key of the certificate, in PEM.");
        match (settings.optional(certificate), settings.optional(key)) {
            (Some(certificate), Some(key)) => Some(Self { certificate: certificate.into(), key: key.into() }),
            (None, None) => None,
            _ => {
                let expected = "both FACEQL_TLS_CERTIFICATE_FILE and FACEQL_TLS_KEY_FILE, or neither";
                settings.problem("FACEQL_TLS_CERTIFICATE_FILE", expected);
                None
            }
        }
    }

    /// The time at which either file was last written.
    fn modified(&self) -> io::Result<SystemTime> {
        let of = |file: &Path| std::fs::metadata(file)?.modified();
        Ok(of(&self.certificate)?.max(of(&self.key)?))
    }

    fn load(&self) -> Result<CertifiedKey, TlsError> {
        let unreadable = |file: &Path| {
            let file = file.to_owned();
            move |source| TlsError::Unreadable { file, source }
        };
        let chain =
            CertificateDer::pem_file_iter(&self.certificate).map_err(unreadable(&self.certificate))?;
        let chain = chain.collect::<Result<Vec<_>, _>>().map_err(unreadable(&self.certificate))?;
        let key = PrivateKeyDer::from_pem_file(&self.key).map_err(unreadable(&self.key))?;
        CertifiedKey::from_der(chain, key, &ring::default_provider()).map_err(TlsError::Unusable)
    }
}

/// Why the certificate could not be loaded.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read or is not valid PEM.
    #[error("{file}: {source}")]
    Unreadable {
        /// The configured file.
        file: PathBuf,
        /// What is wrong with it.
        source: pem::Error,
    },
    /// The key does not match the certificate, or its type is not supported.
    #[error("the certificate of FACEQL_TLS_CERTIFICATE_FILE cannot be used: {0}")]
    Unusable(rustls::Error),
}

/// The current certificate and the files it is loaded from.
#[derive(Debug)]
struct Certificate {
    files: TlsConfig,
    current: RwLock<Arc<CertifiedKey>>,
}

impl ResolvesServerCert for Certificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.now())
    }
}

impl Certificate {
    fn of(files: TlsConfig) -> Result<Self, TlsError> {
        Ok(Self { current: RwLock::new(Arc::new(files.load()?)), files })
    }

    fn now(&self) -> Arc<CertifiedKey> {
        self.current.read().clone()
    }

    /// Reloads the files when they change, until `stop`. If they are invalid, logs a warning and keeps the certificate.
    async fn renew_until(self: Arc<Self>, stop: CancellationToken) {
        let mut seen = self.files.modified().ok();
        while stop.run_until_cancelled(tokio::time::sleep(RENEWAL)).await.is_some() {
            let certificate = self.clone();
            let look = tokio::task::spawn_blocking(move || {
                let modified = certificate.files.modified().ok();
                if modified != seen {
                    certificate.renew();
                }
                modified
            });
            match look.await {
                Ok(modified) => seen = modified,
                Err(error) => warn!(%error, "could not check for a renewed certificate; will try again"),
            }
        }
    }

    fn renew(&self) {
        match self.files.load() {
            Ok(renewed) => {
                *self.current.write() = Arc::new(renewed);
                info!("a renewed certificate is in use");
            }
            Err(error) => warn!(%error, "the certificate was not renewed; the previous one stays in use"),
        }
    }
}

/// A listener for TLS connections.
pub(in crate::http) struct Secured(TlsListener<Doorway, SpawningHandshakes<TlsAcceptor>>);

/// Accepts TLS connections from `doorway`, and checks for renewed certificates until `stop`.
pub(in crate::http) fn listen(
    doorway: Doorway,
    files: &TlsConfig,
    stop: &CancellationToken,
) -> Result<Secured, TlsError> {
    let certificate = Arc::new(Certificate::of(files.clone())?);
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let config = config.with_safe_default_protocol_versions().map_err(TlsError::Unusable)?;
    let mut config = config.with_no_client_auth().with_cert_resolver(certificate.clone());
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    tokio::spawn(certificate.renew_until(stop.clone()));
    let acceptor = SpawningHandshakes(TlsAcceptor::from(Arc::new(config)));
    Ok(Secured(tls_listener::builder(acceptor).handshake_timeout(HANDSHAKE_TIME).listen(doorway)))
}

impl Accounted for TlsStream<Connection> {
    fn account(&self) -> &Account {
        self.get_ref().0.account()
    }
}

impl Listener for Secured {
    type Io = TlsStream<Connection>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            match self.0.accept().await {
                Ok(connection) => return connection,
                Err(tls_listener::Error::ListenerError(error)) => pause_after(&error).await,
                // Debug level, since scanners and misconfigured clients cause this constantly.
                Err(error) => debug!(%error, "a handshake failed"),
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.listener().local_addr()
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn renewed_files_are_taken_up_and_broken_ones_are_not() {
        let folder = tempfile::tempdir().unwrap();
        let files =
            TlsConfig { certificate: folder.path().join("chain.pem"), key: folder.path().join("key.pem") };
        let issue = || {
            let issued = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
            fs::write(&files.certificate, issued.cert.pem()).unwrap();
            fs::write(&files.key, issued.signing_key.serialize_pem()).unwrap();
            issued.cert.der().clone()
        };
        let first = issue();
        let certificate = Certificate::of(files.clone()).unwrap();
        assert_eq!(certificate.now().cert, [first]);
        let second = issue();
        certificate.renew();
        assert_eq!(certificate.now().cert, std::slice::from_ref(&second));
        // A key that does not match the certificate, as between the two writes of a renewal.
        issue();
        fs::write(&files.certificate, rcgen::generate_simple_self_signed([]).unwrap().cert.pem()).unwrap();
        certificate.renew();
        fs::write(&files.certificate, "").unwrap();
        certificate.renew();
        assert_eq!(certificate.now().cert, [second]);
    }
}
