//! Reads the configuration: environment first, then `.env`, then an optional TOML file, then defaults.
//!
//! Each module owns its section and reads it from [`Settings`]; this is the one place that touches the
//! environment. Mistakes are collected, so that a start-up reports all of them at once.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt::Write as _;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use reqwest::Url;

use crate::audit::AuditConfig;
use crate::blobs::BlobsConfig;
use crate::contours::ContourConfig;
use crate::database::DatabaseConfig;
use crate::detection::DetectionConfig;
use crate::enrollment::EnrollmentConfig;
use crate::files::FilesConfig;
use crate::http::{DocumentsConfig, HttpConfig};
use crate::inference::{EngineConfig, RemoteConfig};
use crate::jobs::JobsConfig;
use crate::people::PeopleConfig;
use crate::rates::RatesConfig;
use crate::secret::SecretConfig;
use crate::sweeper::SweepConfig;
use crate::telemetry::{LogConfig, TracesConfig};
use crate::verification::VerificationConfig;

/// Everything that can be configured.
#[derive(Clone, Debug)]
pub struct Config {
    /// The listening address, keys and limits of the HTTP side.
    pub http: HttpConfig,
    /// Where rows live.
    pub database: DatabaseConfig,
    /// Where image bytes live.
    pub blobs: BlobsConfig,
    /// Which queries are taken.
    pub documents: DocumentsConfig,
    /// How fast one key may spend.
    pub rates: RatesConfig,
    /// The embedded engine.
    pub engine: EngineConfig,
    /// An external encoding service, when one is named.
    pub remote: Option<RemoteConfig>,
    /// The background workers.
    pub jobs: JobsConfig,
    /// Containers and their images.
    pub verification: VerificationConfig,
    /// People and their faces.
    pub people: PeopleConfig,
    /// Guided enrollment.
    pub enrollment: EnrollmentConfig,
    /// Detection jobs.
    pub detection: DetectionConfig,
    /// Contour jobs.
    pub contours: ContourConfig,
    /// When what has expired is removed.
    pub sweep: SweepConfig,
    /// How files are linked to.
    pub files: FilesConfig,
    /// The server's own secret.
    pub secret: SecretConfig,
    /// How the audit log is kept.
    pub audit: AuditConfig,
    /// What is logged, and how.
    pub log: LogConfig,
    /// Where traces go.
    pub traces: TracesConfig,
}

impl Config {
    /// Reads the environment, `.env` in the working directory and the TOML file that `FACEQL_CONFIG` names.
    ///
    /// # Errors
    /// All problems at once, each with its name and what is expected.
    pub fn load() -> Result<Self, ConfigError> {
        Self::read(Settings::gather()?)
    }

    /// Reads every section from `settings`.
    ///
    /// # Errors
    /// All problems at once, each with its name and what is expected.
    pub fn read(mut settings: Settings) -> Result<Self, ConfigError> {
        let database = DatabaseConfig::read(&mut settings);
        let secret = SecretConfig::read(&mut settings, &database);
        let config = Self {
            http: HttpConfig::read(&mut settings),
            documents: DocumentsConfig::read(&mut settings),
            rates: RatesConfig::read(&mut settings),
            database,
            blobs: BlobsConfig::read(&mut settings),
            engine: EngineConfig::read(&mut settings),
            remote: RemoteConfig::read(&mut settings),
            jobs: JobsConfig::read(&mut settings),
            verification: VerificationConfig::read(&mut settings),
            people: PeopleConfig::read(&mut settings),
            enrollment: EnrollmentConfig::read(&mut settings),
            detection: DetectionConfig::read(&mut settings),
            contours: ContourConfig::read(&mut settings),
            sweep: SweepConfig::read(&mut settings),
            files: FilesConfig::read(&mut settings),
            secret,
            audit: AuditConfig::read(&mut settings),
            log: LogConfig::read(&mut settings),
            traces: TracesConfig::read(&mut settings),
        };
        config.check_sizes(&mut settings);
        settings.finish().map(|()| config)
    }

    /// What one section allows, another must have room for.
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

    /// Every setting with its default and meaning, in the form of an `.env` file.
    #[must_use]
    pub fn example() -> String {
        let mut settings = Settings::default();
        HttpConfig::read(&mut settings);
        DocumentsConfig::read(&mut settings);
        RatesConfig::read(&mut settings);
        let database = DatabaseConfig::read(&mut settings);
        BlobsConfig::read(&mut settings);
        EngineConfig::read(&mut settings);
        RemoteConfig::read(&mut settings);
        JobsConfig::read(&mut settings);
        VerificationConfig::read(&mut settings);
        PeopleConfig::read(&mut settings);
        EnrollmentConfig::read(&mut settings);
        DetectionConfig::read(&mut settings);
        ContourConfig::read(&mut settings);
        SweepConfig::read(&mut settings);
        FilesConfig::read(&mut settings);
        SecretConfig::read(&mut settings, &database);
        AuditConfig::read(&mut settings);
        LogConfig::read(&mut settings);
        TracesConfig::read(&mut settings);
        settings.describe()
    }
}

/// All that is wrong with the configuration.
#[derive(Debug, thiserror::Error)]
#[error("the configuration has {} problem(s):\n{}", .0.len(), .0.join("\n"))]
pub struct ConfigError(Vec<String>);

/// One setting: its name in the environment, and what it means. In the TOML file it has the same name.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// For example `FACEQL_LISTEN`.
    pub name: &'static str,
    /// One line for operators.
    pub about: &'static str,
}

/// The raw values, what was asked of them, and what was wrong.
#[derive(Default)]
pub struct Settings {
    values: BTreeMap<String, String>,
    asked: Vec<(Setting, Option<String>)>,
    problems: Vec<String>,
}

impl Settings {
    /// Settings from `values` alone; tests start the service with these.
    pub fn from_values<K: Into<String>, V: Into<String>>(values: impl IntoIterator<Item = (K, V)>) -> Self {
        let values = values.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
        Self { values, ..Self::default() }
    }

    fn gather() -> Result<Self, ConfigError> {
        let environment = environment();
        let dotenv = dotenv().map_err(|problem| ConfigError(vec![problem]))?;
        let named = environment.get("FACEQL_CONFIG").or(dotenv.get("FACEQL_CONFIG"));
        let mut values = match named {
            Some(path) => file(Path::new(path)).map_err(|problem| ConfigError(vec![problem]))?,
            None => BTreeMap::new(),
        };
        values.extend(dotenv);
        values.extend(environment);
        values.remove("FACEQL_CONFIG");
        Ok(Self { values, ..Self::default() })
    }

    /// A whole number within `range`.
    pub fn number<T>(&mut self, setting: Setting, default: T, range: RangeInclusive<T>) -> T
    where
        T: FromStr + PartialOrd + std::fmt::Display + Copy,
    {
        let expected = format!("a whole number from {} to {}", range.start(), range.end());
        let parse = |text: &str| text.replace('_', "").parse().ok().filter(|number| range.contains(number));
        self.parsed(setting, default, &default.to_string(), &expected, parse)
    }

    /// A time in whole seconds within `range`.
    pub fn seconds(&mut self, setting: Setting, default: u64, range: RangeInclusive<u64>) -> Duration {
        Duration::from_secs(self.number(setting, default, range))
    }

    /// A time in whole milliseconds within `range`.
    pub fn milliseconds(&mut self, setting: Setting, default: u64, range: RangeInclusive<u64>) -> Duration {
        Duration::from_millis(self.number(setting, default, range))
    }

    /// `true` or `false`.
    pub fn flag(&mut self, setting: Setting, default: bool) -> bool {
        self.parsed(setting, default, &default.to_string(), "true or false", |text| text.parse().ok())
    }

    /// A share from 0 to 1 that may be absent; an empty value counts as absent.
    pub fn share(&mut self, setting: Setting) -> Option<f32> {
        let parse = |text: &str| text.parse().ok().filter(|share| (0.0..=1.0).contains(share)).map(Some);
        self.parsed(setting, None, "", "a number from 0 to 1", parse)
    }

    /// A path.
    pub fn path(&mut self, setting: Setting, default: &str) -> PathBuf {
        self.text(setting, default).into()
    }

    /// An http or https address that may be absent; an empty value counts as absent.
    pub fn url(&mut self, setting: Setting) -> Option<Url> {
        let parse = |text: &str| Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
        self.parsed(setting, None, "", "an http or https address", |text| parse(text).map(Some))
    }

    /// Any text.
    pub fn text(&mut self, setting: Setting, default: &str) -> String {
        self.parsed(setting, default.to_owned(), default, "text", |text| Some(text.to_owned()))
    }

    /// Text that may be absent; an empty value counts as absent.
    pub fn optional(&mut self, setting: Setting) -> Option<String> {
        self.parsed(setting, None, "", "text", |text| Some(Some(text.to_owned())))
    }

    /// A value that `parse` understands; otherwise the problem says that `expected` was.
    pub fn parsed<T>(
        &mut self,
        setting: Setting,
        default: T,
        shown_default: &str,
        expected: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> T {
        self.asked.push((setting, (!shown_default.is_empty()).then(|| shown_default.to_owned())));
        let Some(text) = self.values.get(setting.name).filter(|text| !text.is_empty()) else {
            return default;
        };
        parse(text).unwrap_or_else(|| {
            self.problem(setting.name, expected);
            default
        })
    }

    /// Notes that something else was expected of a setting. For what needs more than one of them to be seen.
    pub fn problem(&mut self, name: &str, expected: &str) {
        self.problems.push(format!("  {name}: expected {expected}"));
    }

    fn finish(mut self) -> Result<(), ConfigError> {
        let known = |name: &str| self.asked.iter().any(|(setting, _)| setting.name == name);
        for name in self.values.keys().filter(|name| name.starts_with("FACEQL_") && !known(name)) {
            self.problems.push(format!("  {name}: no such setting; `faceql config` lists them"));
        }
        if self.problems.is_empty() { Ok(()) } else { Err(ConfigError(self.problems)) }
    }

    fn describe(&self) -> String {
        let mut lines = String::from(
            "# Every setting of FaceQL with its default; written by `faceql config`.\n\
             # FACEQL_CONFIG names a TOML file of the same names, which comes after the environment and .env.\n",
        );
        for (setting, default) in &self.asked {
            let default = default.as_deref().unwrap_or_default();
            // Writing to a String cannot fail.
            let _ = write!(lines, "\n# {}\n#{}={default}\n", setting.about, setting.name);
        }
        lines
    }
}

#[expect(clippy::disallowed_methods, reason = "the one place that reads the environment")]
fn environment() -> BTreeMap<String, String> {
    let text =
        |(name, value): (OsString, OsString)| Some((name.into_string().ok()?, value.into_string().ok()?));
    // A name or value that is no text is none of ours.
    std::env::vars_os().filter_map(text).collect()
}

fn dotenv() -> Result<BTreeMap<String, String>, String> {
    match dotenvy::from_filename_iter(".env") {
        Ok(lines) => lines.collect::<Result<_, _>>().map_err(|error| format!("  .env: {error}")),
        Err(error) if error.not_found() => Ok(BTreeMap::new()),
        Err(error) => Err(format!("  .env: {error}")),
    }
}

/// A flat TOML file: the settings' own names as keys, numbers and booleans written as such or as text.
fn file(path: &Path) -> Result<BTreeMap<String, String>, String> {
    let shown = path.display();
    let text = std::fs::read_to_string(path).map_err(|error| format!("  FACEQL_CONFIG={shown}: {error}"))?;
    let table: toml::Table = text.parse().map_err(|error| format!("  {shown}: {error}"))?;
    let value = |(name, value): (String, toml::Value)| match value {
        toml::Value::String(text) => Ok((name, text)),
        toml::Value::Integer(number) => Ok((name, number.to_string())),
        toml::Value::Boolean(flag) => Ok((name, flag.to_string())),
        _ => Err(format!("  {shown}: {name}: expected text, a whole number, true or false")),
    };
    table.into_iter().map(value).collect()
}
