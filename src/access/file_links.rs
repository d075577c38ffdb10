//! Signed links to stored files. An `<img>` element sends no key, so the link itself grants access: its signature
//! covers tenant, file and expiry. It is valid until it expires or the file is deleted.

use std::time::Duration;

use chrono::{DateTime, Utc};
use entity::ids::{AnyId, Tenant};
use ring::hmac::{self, Key};
use serde::Deserialize;
use uuid::Uuid;

use crate::clock::Clock;
use crate::settings::section;
use crate::store::blobs::BlobName;
use crate::store::secret::Secret;

/// The file extensions of links and their media types.
const TYPES: [(&str, &str); 6] = [
    ("jpg", "image/jpeg"),
    ("png", "image/png"),
    ("webp", "image/webp"),
    ("gif", "image/gif"),
    ("bmp", "image/bmp"),
    ("svg", "image/svg+xml"),
];

section! {
    /// Signed links to files.
    #[derive(Clone, Debug)]
    pub struct FilesConfig {
        /// Address at which clients reach this server, such as `https://faces.example`. Links to files begin with it. Empty:
        /// the address it listens on.
        pub public_url: Option<String> =
            parsed("PUBLIC_URL", None, "", "an http:// or https:// address", |text| web_address(text).map(Some)),
        /// How long a link to a file is valid at least; at most a quarter longer.
        pub lifetime: Duration = seconds("FACEQL_FILE_LINK_SECONDS", 3600, 10..=604_800),
    }
}

/// An http or https URL without trailing slashes.
fn web_address(text: &str) -> Option<String> {
    let url = text.trim_end_matches('/');
    let is_web = url.starts_with("http://") || url.starts_with("https://");
    is_web.then(|| url.to_owned())
}

/// Creates and verifies links.
#[derive(Clone)]
pub struct FileLinks {
    base: String,
    lifetime: Duration,
    key: Key,
    clock: Clock,
    kinds: &'static [LinkedKind],
}

/// A kind of blob that may be linked to, and the id prefix of the owners of such blobs.
pub type LinkedKind = (&'static str, &'static str);

/// The file that a valid link refers to.
#[derive(Debug, PartialEq, Eq)]
pub struct LinkedFile {
    /// The file's name in the blob store.
    pub blob: BlobName,
    /// The detection or contour that owns the file.
    pub of: AnyId,
    /// The media type, derived from the extension.
    pub content_type: &'static str,
    /// Time until the link expires; never zero.
    pub remaining: Duration,
}

/// The query string of a link.
#[derive(Deserialize)]
pub struct LinkQuery {
    tenant: String,
    expires: i64,
    signature: String,
}

impl FileLinks {
    /// Links below the URL `base`, signed with `secret`, valid for at least `lifetime`, to blobs of `kinds` only.
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

    /// A link to a blob of this media type. It stays the same for a quarter of the lifetime, so that browsers can cache
    /// the file.
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

    /// The file of the link `/files/{kind}/{file}?{query}`; `None` when its signature is invalid or it has expired.
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

    /// The expiry in Unix seconds: now plus the lifetime, rounded up to a quarter of the lifetime.
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
    use crate::store::secret::SecretConfig;

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
        assert_eq!(links.find(&kind_of_private, &file_of_private, &signed), None, "not a linked kind");
        let other = FileLinks::new(
            "https://faces.example".into(),
            lifetime,
            &secret("b"),
            clock,
            &[("annotated", "detection")],
        );
        assert_eq!(other.find(&kind, &file, &good), None, "signed by another server");

        now.fetch_add(1, Ordering::Relaxed);
        assert_eq!(links.link(&blob, "image/jpeg"), link, "it stays the same for a while");
        now.store(expires, Ordering::Relaxed);
        assert_eq!(links.find(&kind, &file, &good), None, "expired");
    }
}
