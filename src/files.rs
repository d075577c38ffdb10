//! Links to stored files. An `<img>` sends no key, so the link itself lets in: it is signed over tenant, file and expiry,
//! and ends with the expiry or with the file.

use std::time::Duration;

use chrono::{DateTime, Utc};
use entity::ids::{AnyId, Tenant};
use ring::hmac::{self, Key};
use serde::Deserialize;
use uuid::Uuid;

use crate::blobs::BlobName;
use crate::clock::Clock;
use crate::config::{Setting, Settings};
use crate::secret::Secret;

/// What is served: the ending of the link, and the media type.
const TYPES: [(&str, &str); 6] = [
    ("jpg", "image/jpeg"),
    ("png", "image/png"),
    ("webp", "image/webp"),
    ("gif", "image/gif"),
    ("bmp", "image/bmp"),
    ("svg", "image/svg+xml"),
];

/// How files are linked to.
#[derive(Clone, Debug)]
pub struct FilesConfig {
    /// Where clients reach the server, without a slash at the end; `None` means where it listens.
    pub public_url: Option<String>,
    /// How long a link is valid at least.
    pub lifetime: Duration,
}

impl FilesConfig {
    pub(crate) fn read(settings: &mut Settings) -> Self {
        let url = Setting {
            name: "PUBLIC_URL",
            about: "Where clients reach this server, as in https://faces.example; links to files begin with it. \
                    Empty: where it listens.",
        };
        let lifetime = Setting {
            name: "FACEQL_FILE_LINK_SECONDS",
            about: "How long a link to a file is valid, at least; a quarter longer at most.",
        };
        let read = |text: &str| {
            let url = text.trim_end_matches('/');
            let web = url.starts_with("http://") || url.starts_with("https://");
            web.then(|| Some(url.to_owned()))
        };
        Self {
            public_url: settings.parsed(url, None, "", "an http:// or https:// address", read),
            lifetime: settings.seconds(lifetime, 3600, 10..=604_800),
        }
    }
}

/// Makes links, and tells which file a link is for. Cloning shares it.
#[derive(Clone)]
pub struct FileLinks {
    base: String,
    lifetime: Duration,
    key: Key,
    clock: Clock,
    kinds: &'static [LinkedKind],
}

/// A kind of blob that may be linked to, and the type of the ids of those that own such blobs.
pub type LinkedKind = (&'static str, &'static str);

/// A file that somebody with a valid link asks for.
#[derive(Debug, PartialEq, Eq)]
pub struct LinkedFile {
    /// Its bytes.
    pub blob: BlobName,
    /// Whose picture it is.
    pub of: AnyId,
    /// Its media type.
    pub content_type: &'static str,
    /// How long the link is valid from now on.
    pub remaining: Duration,
}

/// What follows the `?` of a link.
#[derive(Deserialize)]
pub struct LinkQuery {
    tenant: String,
    expires: i64,
    signature: String,
}

impl FileLinks {
    /// Links that begin with `base`, signed by `secret`, valid for `lifetime` at least, to blobs of these kinds alone.
    #[must_use]
    pub fn new(
        base: String,
        lifetime: Duration,
        secret: &Secret,
        clock: Clock,
        kinds: &'static [LinkedKind],
    ) -> Self {
        Self { base, lifetime, key: secret.key("files"), clock, kinds }
    }

    /// A link to a blob of this media type. For a while it stays the same, so that browsers can keep what they got.
    #[must_use]
    pub fn link(&self, blob: &BlobName, content_type: &str) -> String {
        let ending =
            TYPES.iter().find(|(_, known)| *known == content_type).map_or("bin", |(ending, _)| ending);
        let file = format!("{}.{ending}", blob.owner);
        let expires = self.expiry();
        let signature = hex::encode(hmac::sign(&self.key, &signed(blob.kind, &file, &blob.tenant, expires)));
        format!(
            "{}/files/{}/{file}?tenant={}&expires={expires}&signature={signature}",
            self.base, blob.kind, blob.tenant
        )
    }

    /// The file of the link `/files/{kind}/{file}?{query}`; `None` unless we signed it and it has not expired.
    #[must_use]
    pub fn find(&self, kind: &str, file: &str, query: &LinkQuery) -> Option<LinkedFile> {
        let tenant = Tenant::parse(&query.tenant)?;
        let signature = hex::decode(&query.signature).ok()?;
        hmac::verify(&self.key, &signed(kind, file, &tenant, query.expires), &signature).ok()?;
        let remaining = DateTime::from_timestamp(query.expires, 0)? - self.clock.now();
        let remaining = remaining.to_std().ok().filter(|time| !time.is_zero())?;
        let (owner, ending) = file.split_once('.')?;
        let (_, content_type) = TYPES.iter().find(|(known, _)| *known == ending)?;
        let (kind, prefix) = self.kinds.iter().find(|(known, _)| *known == kind)?;
        let owner = Uuid::parse_str(owner).ok()?;
        let (blob, of) = (BlobName { tenant, kind, owner }, AnyId { prefix, uuid: owner });
        Some(LinkedFile { blob, of, content_type, remaining })
    }

    /// The lifetime from now, then up to the next quarter of it.
    fn expiry(&self) -> i64 {
        let least: DateTime<Utc> = self.clock.now() + self.lifetime;
        let step = i64::try_from(self.lifetime.as_secs() / 4).unwrap_or(i64::MAX).max(1);
        (least.timestamp() / step + 1) * step
    }
}

fn signed(kind: &str, file: &str, tenant: &Tenant, expires: i64) -> Vec<u8> {
    format!("{kind}/{file}\n{tenant}\n{expires}").into_bytes()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicI64, Ordering};

    use super::*;
    use crate::secret::SecretConfig;

    fn secret(name: &str) -> Secret {
        let folder = tempfile::tempdir().unwrap();
        Secret::make(&SecretConfig { file: folder.path().join(name) }).unwrap()
    }

    fn query(tenant: &str, expires: i64, signature: &str) -> LinkQuery {
        LinkQuery { tenant: tenant.into(), expires, signature: signature.into() }
    }

    /// The parts of a link.
    fn parts(link: &str) -> (String, String, LinkQuery) {
        let (path, rest) =
            link.strip_prefix("https://faces.example/files/").unwrap().split_once('?').unwrap();
        let (kind, file) = path.split_once('/').unwrap();
        let values: Vec<&str> = rest.split('&').map(|pair| pair.split_once('=').unwrap().1).collect();
        (kind.into(), file.into(), query(values[0], values[1].parse().unwrap(), values[2]))
    }

    #[test]
    fn only_an_unchanged_link_leads_to_its_file_and_not_for_ever() {
        let now = Arc::new(AtomicI64::new(1_000_000));
        let clock = now.clone();
        let clock =
            Clock::from_fn(move || DateTime::from_timestamp(clock.load(Ordering::Relaxed), 0).unwrap());
        let lifetime = Duration::from_hours(1);
        let links = FileLinks::new(
            "https://faces.example".into(),
            lifetime,
            &secret("a"),
            clock.clone(),
            &[("annotated", "detection")],
        );
        let tenant = Tenant::parse("acme").unwrap();
        let blob = BlobName { tenant, kind: "annotated", owner: Uuid::now_v7() };
        let link = links.link(&blob, "image/jpeg");
        let (kind, file, good) = parts(&link);

        let found = links.find(&kind, &file, &good).unwrap();
        assert_eq!((&found.blob, found.content_type), (&blob, "image/jpeg"));
        assert!(found.remaining >= lifetime);
        let (expires, signature) = (good.expires, good.signature.as_str());
        for (kind, file, forged) in [
            ("detections", file.clone(), query("acme", expires, signature)),
            (&*kind, format!("{}.jpg", Uuid::now_v7()), query("acme", expires, signature)),
            (&*kind, file.replace("jpg", "svg"), query("acme", expires, signature)),
            (&*kind, file.clone(), query("other", expires, signature)),
            (&*kind, file.clone(), query("acme", expires + 1, signature)),
            (&*kind, file.clone(), query("acme", expires, &signature.replace(['0', '1'], "2"))),
            (&*kind, file.clone(), query("acme", expires, "")),
        ] {
            assert_eq!(links.find(kind, &file, &forged), None);
        }
        let private = BlobName { kind: "chips", ..blob.clone() };
        let (kind_of_private, file_of_private, signed) = parts(&links.link(&private, "image/jpeg"));
        assert_eq!(links.find(&kind_of_private, &file_of_private, &signed), None, "never linked to");
        let other = FileLinks::new(
            "https://faces.example".into(),
            lifetime,
            &secret("b"),
            clock,
            &[("annotated", "detection")],
        );
        assert_eq!(other.find(&kind, &file, &good), None, "another server's");

        now.fetch_add(1, Ordering::Relaxed);
        assert_eq!(links.link(&blob, "image/jpeg"), link, "it stays the same for a while");
        now.store(expires, Ordering::Relaxed);
        assert_eq!(links.find(&kind, &file, &good), None, "expired");
    }
}
