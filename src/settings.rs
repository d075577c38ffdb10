//! Raw settings. Precedence: environment, `.env`, an optional TOML file, defaults.
//!
//! Each module reads its own section from [`Settings`]. No other module reads the environment. Problems are collected,
//! so that startup reports all of them at once.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt::Write as _;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use reqwest::Url;

/// All problems of the configuration.
#[derive(Debug, thiserror::Error)]
#[error("the configuration has {} problem(s):\n{}", .0.len(), .0.join("\n"))]
pub struct ConfigError(Vec<String>);

/// Declares a section of the configuration: a struct whose fields each have a description for operators, a name in the
/// environment and a reader, which is a method of [`Settings`]. The description is the field's documentation and is
/// printed above the setting in `.env.example`. A field with `section()` is a nested section; one with
/// `read_by(function)` is read by that function.
///
/// ```ignore
/// section! {
///     /// How background work is done.
///     #[derive(Clone, Debug)]
///     pub struct JobsConfig {
///         /// Attempts before an image fails.
///         pub max_attempts: i32 = number("FACEQL_JOBS_MAX_ATTEMPTS", 5, 1..=100),
///     }
/// }
/// ```
macro_rules! section {
    (@read $settings:ident, $about:expr, $Type:ty, section ()) => {
        <$Type>::read($settings)
    };
    (@read $settings:ident, $about:expr, $Type:ty, read_by ($read:expr)) => {
        $read($settings)
    };
    (@read $settings:ident, $about:expr, $Type:ty, $kind:ident ($name:literal $(, $argument:expr)* $(,)?)) => {
        $settings.$kind($crate::settings::Setting::new($name, $about) $(, $argument)*)
    };
    (
        $(#[$attribute:meta])*
        $visibility:vis struct $Section:ident {
            $(
                $(#[doc = $about:literal])+
                $field_visibility:vis $field:ident: $Type:ty = $kind:ident $arguments:tt $(=> $convert:expr)?
            ),+ $(,)?
        }
    ) => {
        $(#[$attribute])*
        $visibility struct $Section {
            $($(#[doc = $about])+ $field_visibility $field: $Type),+
        }

        impl $Section {
            pub(crate) fn read(settings: &mut $crate::settings::Settings) -> Self {
                Self {
                    $($field: {
                        let value = $crate::settings::section!(
                            @read settings, concat!($($about),+), $Type, $kind $arguments
                        );
                        $(let value = $convert(value);)?
                        value
                    }),+
                }
            }
        }
    };
}

pub(crate) use section;

/// One setting: its name, which is the same in the environment and in the TOML file, and its description.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    name: &'static str,
    about: &'static str,
}

impl Setting {
    /// A setting with a `name` such as `FACEQL_LISTEN` and a description for operators.
    #[must_use]
    pub fn new(name: &'static str, about: &'static str) -> Self {
        Self { name, about: about.trim_start() }
    }
}

/// The raw values, the settings that were read, and the problems found.
#[derive(Default)]
pub struct Settings {
    values: BTreeMap<String, String>,
    asked: Vec<(Setting, Option<String>)>,
    problems: Vec<String>,
}

impl Settings {
    /// Settings from `values` only, for tests.
    pub fn from_values<K: Into<String>, V: Into<String>>(values: impl IntoIterator<Item = (K, V)>) -> Self {
        let values = values.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
        Self { values, ..Self::default() }
    }

    /// Reads the environment, `.env` in the working directory and the TOML file that `FACEQL_CONFIG` names.
    pub(crate) fn gather() -> Result<Self, ConfigError> {
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

    /// A duration in whole seconds within `range`.
    pub fn seconds(&mut self, setting: Setting, default: u64, range: RangeInclusive<u64>) -> Duration {
        Duration::from_secs(self.number(setting, default, range))
    }

    /// A duration in whole milliseconds within `range`.
    pub fn milliseconds(&mut self, setting: Setting, default: u64, range: RangeInclusive<u64>) -> Duration {
        Duration::from_millis(self.number(setting, default, range))
    }

    /// `true` or `false`.
    pub fn flag(&mut self, setting: Setting, default: bool) -> bool {
        self.parsed(setting, default, &default.to_string(), "true or false", |text| text.parse().ok())
    }

    /// An optional number from 0 to 1; an empty value counts as absent.
    pub fn share(&mut self, setting: Setting) -> Option<f32> {
        let parse = |text: &str| text.parse().ok().filter(|share| (0.0..=1.0).contains(share)).map(Some);
        self.parsed(setting, None, "", "a number from 0 to 1", parse)
    }

    /// A path.
    pub fn path(&mut self, setting: Setting, default: &str) -> PathBuf {
        self.text(setting, default).into()
    }

    /// An optional http or https URL; an empty value counts as absent.
    pub fn url(&mut self, setting: Setting) -> Option<Url> {
        let parse = |text: &str| Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
        self.parsed(setting, None, "", "an http or https address", |text| parse(text).map(Some))
    }

    /// Any text.
    pub fn text(&mut self, setting: Setting, default: &str) -> String {
        self.parsed(setting, default.to_owned(), default, "text", |text| Some(text.to_owned()))
    }

    /// Optional text; an empty value counts as absent.
    pub fn optional(&mut self, setting: Setting) -> Option<String> {
        self.parsed(setting, None, "", "text", |text| Some(Some(text.to_owned())))
    }

    /// A value parsed by `parse`. If that returns `None`, a problem is recorded that states what was `expected`.
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

    /// Records that a setting has an unexpected value. For checks that involve several settings.
    pub fn problem(&mut self, name: &str, expected: &str) {
        self.problems.push(format!("  {name}: expected {expected}"));
    }

    /// Fails with all recorded problems, including unknown settings.
    pub(crate) fn finish(mut self) -> Result<(), ConfigError> {
        let known = |name: &str| self.asked.iter().any(|(setting, _)| setting.name == name);
        for name in self.values.keys().filter(|name| name.starts_with("FACEQL_") && !known(name)) {
            self.problems.push(format!("  {name}: no such setting; `faceql config` lists them"));
        }
        if self.problems.is_empty() { Ok(()) } else { Err(ConfigError(self.problems)) }
    }

    /// Every setting that was read, as an `.env` file.
    pub(crate) fn describe(&self) -> String {
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

#[expect(clippy::disallowed_methods, reason = "the only place that reads the environment")]
fn environment() -> BTreeMap<String, String> {
    let text =
        |(name, value): (OsString, OsString)| Some((name.into_string().ok()?, value.into_string().ok()?));
    // Names and values that are not UTF-8 are no settings of FaceQL.
    std::env::vars_os().filter_map(text).collect()
}

fn dotenv() -> Result<BTreeMap<String, String>, String> {
    match dotenvy::from_filename_iter(".env") {
        Ok(lines) => lines.collect::<Result<_, _>>().map_err(|error| format!("  .env: {error}")),
        Err(error) if error.not_found() => Ok(BTreeMap::new()),
        Err(error) => Err(format!("  .env: {error}")),
    }
}

/// Reads a flat TOML file: keys are setting names; numbers and booleans may be written as such or as strings.
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
