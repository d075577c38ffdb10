//! The secret belongs to the database: with a different one, the error names the one that is needed, and none is
//! created.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use faceql::store::database::Database;
use sea_orm::ConnectionTrait;
use tempfile::TempDir;

use crate::support::server::config;

/// A folder with a database in `data/`, and another folder.
struct Site {
    home: TempDir,
    elsewhere: TempDir,
}

impl Site {
    /// Its database has a key, created with the secret of this setting.
    fn with_key(secret: Option<&str>) -> Self {
        let site = Self { home: tempfile::tempdir().unwrap(), elsewhere: tempfile::tempdir().unwrap() };
        site.run(0, site.home.path(), secret, &["keys", "create"]);
        site
    }

    fn database(&self) -> PathBuf {
        self.home.path().join("data/faceql.db")
    }

    /// The output of `faceql`, run in `place` for this database, which exits with `code`.
    fn run(&self, code: i32, place: &Path, secret: Option<&str>, arguments: &[&str]) -> String {
        let mut command = Command::new(env!("CARGO_BIN_EXE_faceql"));
        command.args(arguments).current_dir(place).env_clear().stdin(Stdio::null());
        command.env("DATABASE_URL", format!("sqlite:{}", self.database().display()));
        command.envs(secret.map(|file| ("FACEQL_SECRET_FILE", file)));
        let output = command.output().unwrap();
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert_eq!(output.status.code(), Some(code), "{arguments:?} {out}{err}");
        format!("{out}{err}")
    }

    fn keys(&self, place: &Path, secret: Option<&str>) -> usize {
        self.run(0, place, secret, &["keys", "list"]).lines().count()
    }

    async fn change(&self, statement: &str) {
        let url = format!("sqlite:{}", self.database().display());
        let config = config(self.home.path(), &[("DATABASE_URL", &url)]);
        let database = Database::open(&config.database).await.unwrap();
        let write = database.write().await.unwrap();
        write.execute_unprepared(statement).await.unwrap();
        write.commit().await.unwrap();
        database.close().await;
    }
}

/// Checks that it names the file that is needed and says that it exists.
fn assert_names(told: &str, file: &Path) {
    assert!(file.exists());
    let named = format!("set FACEQL_SECRET_FILE={}", file.display());
    assert!(told.contains(&named), "{told}");
    assert_eq!(told.lines().count(), 1, "{told}");
}

#[test]
fn command_in_another_folder_names_the_secret_that_it_needs_and_creates_none() {
    let site = Site::with_key(Some("own/secret"));
    let (own, elsewhere) = (site.home.path().join("own/secret"), site.elsewhere.path());
    for (code, arguments) in [
        (1, &["keys", "create"][..]),
        (1, &["keys", "list"]),
        (2, &["audit", "verify"]),
        (2, &["audit", "head"]),
    ] {
        let told = site.run(code, elsewhere, Some("own/secret"), arguments);
        assert_names(&told, &own);
        assert!(told.contains("is missing"), "{told}");
    }
    assert!(!elsewhere.join("own").exists());

    std::fs::write(elsewhere.join("secret"), "ab".repeat(32)).unwrap();
    let told = site.run(1, elsewhere, Some("secret"), &["keys", "create"]);
    assert_names(&told, &own);
    assert!(told.contains("is not the secret of this database"), "{told}");
    assert_eq!(site.keys(elsewhere, Some(&own.display().to_string())), 1);
}

#[test]
fn secret_is_beside_the_database_wherever_a_command_is_run() {
    let site = Site::with_key(None);
    assert!(site.database().with_file_name("secret").is_file());
    assert_eq!(site.keys(site.elsewhere.path(), None), 1);
    assert_eq!(std::fs::read_dir(site.elsewhere.path()).unwrap().count(), 0);
}

#[test]
fn database_and_secret_that_were_moved_together_still_work() {
    let site = Site::with_key(None);
    let moved = Site { home: tempfile::tempdir().unwrap(), elsewhere: tempfile::tempdir().unwrap() };
    std::fs::rename(site.home.path().join("data"), moved.home.path().join("data")).unwrap();
    assert_eq!(moved.keys(moved.elsewhere.path(), None), 1);
}

#[tokio::test]
async fn database_from_before_fingerprints_is_recognised_by_its_audit_log() {
    let former = ".faceql/data/secret";
    let site = Site::with_key(Some(former));
    site.change("DELETE FROM identities").await;
    let home = site.home.path();
    assert_names(&site.run(1, home, None, &["keys", "create"]), &home.join(former));
    std::fs::write(site.database().with_file_name("secret"), "ab".repeat(32)).unwrap();
    assert_names(&site.run(1, home, None, &["keys", "create"]), &home.join(former));

    assert_eq!(site.keys(home, Some(former)), 1);
    let told = site.run(1, site.elsewhere.path(), None, &["keys", "list"]);
    assert_names(&told, &home.join(former));
}

#[tokio::test]
async fn database_that_never_needed_a_secret_gets_one_and_one_with_keys_does_not() {
    let site = Site::with_key(None);
    let (home, secret) = (site.home.path(), site.database().with_file_name("secret"));
    std::fs::remove_file(&secret).unwrap();
    site.change("DELETE FROM identities; DELETE FROM audit_entries; DELETE FROM audit_heads").await;
    let told = site.run(1, home, None, &["keys", "list"]);
    assert!(told.contains("is missing") && told.contains("faceql secret reset"), "{told}");
    assert!(!secret.exists());

    site.change("DELETE FROM api_keys").await;
    assert_eq!(site.keys(home, None), 0);
    assert!(secret.is_file());
}

#[test]
fn lost_secret_is_replaced_only_by_a_reset_that_lists_what_becomes_void() {
    let site = Site::with_key(None);
    let (home, secret) = (site.home.path(), site.database().with_file_name("secret"));
    let reset =
        |code, arguments: &[&str]| site.run(code, home, None, &[&["secret", "reset"], arguments].concat());
    assert!(reset(2, &["--yes"]).contains("belong together"));
    std::fs::remove_file(&secret).unwrap();
    let told = site.run(1, home, None, &["keys", "list"]);
    assert!(told.contains(&format!("last seen at {}", secret.display())), "{told}");

    let told = reset(1, &[]);
    assert!(told.contains("- 1 API keys would be revoked") && told.contains("Nothing was changed"), "{told}");
    assert!(!secret.exists());
    assert!(reset(0, &["--yes"]).contains("1 API keys were revoked"));
    let listed = site.run(0, home, None, &["keys", "list"]);
    assert!(listed.contains("revoked") && !listed.contains("valid"), "{listed}");
    assert!(site.run(1, home, None, &["audit", "verify"]).contains("FAIL"), "it makes nothing good");
    site.run(0, home, None, &["keys", "create"]);
    assert_eq!(site.keys(home, None), 2);
}
