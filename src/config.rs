//! The complete configuration: one section per module, in the order of `.env.example`.

use crate::access::file_links::FilesConfig;
use crate::access::rates::RatesConfig;
use crate::audit::AuditConfig;
use crate::containers::ContainersConfig;
use crate::contours::ContourConfig;
use crate::detection::DetectionConfig;
use crate::enrollment::EnrollmentConfig;
use crate::http::{DocumentsConfig, HttpConfig};
use crate::inference::{EngineConfig, RemoteConfig};
use crate::jobs::JobsConfig;
use crate::people::PeopleConfig;
use crate::settings::{ConfigError, Settings};
use crate::store::blobs::BlobsConfig;
use crate::store::cleanup::SweepConfig;
use crate::store::database::DatabaseConfig;
use crate::store::secret::SecretConfig;
use crate::telemetry::{LogConfig, TracesConfig};

/// The complete configuration.
#[derive(Clone, Debug)]
pub struct Config {
    /// Listening addresses, keys and limits of the HTTP server.
    pub http: HttpConfig,
    /// The SQLite database.
    pub database: DatabaseConfig,
    /// Storage of image files.
    pub blobs: BlobsConfig,
    /// Limits of GraphQL documents, and which documents are accepted.
    pub documents: DocumentsConfig,
    /// Rate limits of one key.
    pub rates: RatesConfig,
    /// The embedded engine.
    pub engine: EngineConfig,
    /// The external encoding service, if one is configured.
    pub remote: Option<RemoteConfig>,
    /// The background workers.
    pub jobs: JobsConfig,
    /// Containers and their images.
    pub containers: ContainersConfig,
    /// People and their faces.
    pub people: PeopleConfig,
    /// Guided enrollment.
    pub enrollment: EnrollmentConfig,
    /// Detection jobs.
    pub detection: DetectionConfig,
    /// Contour jobs.
    pub contours: ContourConfig,
    /// Periodic removal of expired data.
    pub sweep: SweepConfig,
    /// Signed links to files.
    pub files: FilesConfig,
    /// The server's secret.
    pub secret: SecretConfig,
    /// The audit log.
    pub audit: AuditConfig,
    /// Log level and format.
    pub log: LogConfig,
    /// Export of traces.
    pub traces: TracesConfig,
}

impl Config {
    /// Reads the environment, `.env` in the working directory and the TOML file that `FACEQL_CONFIG` names.
    ///
    /// # Errors
    /// All problems at once, each with the setting's name and the expected value.
    pub fn load() -> Result<Self, ConfigError> {
        Self::read(Settings::gather()?)
    }

    /// Reads every section from `settings`.
    ///
    /// # Errors
    /// All problems at once, each with the setting's name and the expected value.
    pub fn read(mut settings: Settings) -> Result<Self, ConfigError> {
        let config = Self::sections(&mut settings);
        config.check_sizes(&mut settings);
        settings.finish().map(|()| config)
    }

    /// Every setting with its default and description, as an `.env` file.
    #[must_use]
    pub fn example() -> String {
        let mut settings = Settings::default();
        Self::sections(&mut settings);
        settings.describe()
    }

    /// Reads the sections in the order of the example.
    fn sections(settings: &mut Settings) -> Self {
        let http = HttpConfig::read(settings);
        let documents = DocumentsConfig::read(settings);
        let rates = RatesConfig::read(settings);
        let database = DatabaseConfig::read(settings);
        Self {
            http,
            documents,
            rates,
            blobs: BlobsConfig::read(settings),
            engine: EngineConfig::read(settings),
            remote: RemoteConfig::read(settings),
            jobs: JobsConfig::read(settings),
            containers: ContainersConfig::read(settings),
            people: PeopleConfig::read(settings),
            enrollment: EnrollmentConfig::read(settings),
            detection: DetectionConfig::read(settings),
            contours: ContourConfig::read(settings),
            sweep: SweepConfig::read(settings),
            files: FilesConfig::read(settings),
            secret: SecretConfig::read(settings, &database),
            audit: AuditConfig::read(settings),
            log: LogConfig::read(settings),
            traces: TracesConfig::read(settings),
            database,
        }
    }

    /// Checks size limits of different sections against each other.
    fn check_sizes(&self, settings: &mut Settings) {
        let (http, image) = (&self.http, self.engine.limits.max_bytes);
        if (http.max_request_bytes as u64) < image {
            let expected =
                "at least as much as FACEQL_MAX_UPLOAD_BYTES, and a third more for images as base64";
            settings.problem("FACEQL_MAX_REQUEST_BYTES", expected);
        }
        if http.max_bytes_in_flight < http.max_request_bytes {
            settings.problem("FACEQL_MAX_BYTES_IN_FLIGHT", "at least as much as FACEQL_MAX_REQUEST_BYTES");
        }
    }
}
