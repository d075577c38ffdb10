//! Compiles the built GraphiQL in: a table of what `make graphiql` left in `web/graphiql/dist`, empty when it never ran.

use std::fmt::Write as _;
use std::path::Path;
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let dist = Path::new(env!("CARGO_MANIFEST_DIR")).join("web/graphiql/dist");
    // A folder that is not there would have this run, and all be compiled, with every build.
    fs::create_dir_all(&dist)?;
    println!("cargo::rerun-if-changed={}", dist.display());
    let mut table = String::from("&[");
    for (path, file) in files(&dist)? {
        // Writing to a string cannot fail.
        let _ = writeln!(table, "({path:?}, include_bytes!({file:?}).as_slice()),");
    }
    table.push(']');
    let out = env::var_os("OUT_DIR").ok_or_else(|| io::Error::other("cargo sets OUT_DIR"))?;
    fs::write(Path::new(&out).join("graphiql.rs"), table)
}

/// The page and its assets, by their paths in the folder and on the disk; none unless the page is there.
fn files(dist: &Path) -> io::Result<Vec<(String, String)>> {
    if !dist.join("index.html").is_file() {
        return Ok(Vec::new());
    }
    let assets = fs::read_dir(dist.join("assets"))?.collect::<io::Result<Vec<_>>>()?;
    let names = assets.iter().map(|entry| format!("assets/{}", entry.file_name().to_string_lossy()));
    let mut names: Vec<String> = names.chain(["index.html".to_owned()]).collect();
    names.sort();
    Ok(names.into_iter().map(|name| (name.clone(), dist.join(name).display().to_string())).collect())
}
