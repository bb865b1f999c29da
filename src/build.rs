//! Tells the compiler the version that `portcullis --version` prints, with the commit of a release.
//!
//! The commit is, in this order: the variable `PORTCULLIS_COMMIT`, for builds from an archive and
//! for releases; what `cargo package` noted; HEAD of the clone that this is. Nothing needs git.
//! Only optimised builds ask git, so that a commit does not compile the tests again.

#![allow(
    missing_docs,
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a build script speaks to cargo: by variables and by its output"
)]

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

/// Enough digits to be one commit's for years.
const DIGITS: usize = 12;

fn main() {
    println!("cargo::rerun-if-changed=src/build.rs");
    println!("cargo::rerun-if-env-changed=PORTCULLIS_COMMIT");
    let folder = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default());
    let is_release = env::var("PROFILE").is_ok_and(|profile| profile == "release");
    let commit = env::var("PORTCULLIS_COMMIT").ok().or_else(|| packaged(&folder));
    let commit = commit.or_else(|| if is_release { cloned(&folder) } else { None });
    // What is not a commit is not told: it would end up in the output of --version as it is.
    let commit = commit.filter(|commit| commit.len() >= DIGITS && commit.bytes().all(|byte| byte.is_ascii_hexdigit()));
    let version = env::var("CARGO_PKG_VERSION").unwrap_or_default();
    match commit.as_deref().and_then(|commit| commit.get(..DIGITS)) {
        Some(commit) => println!("cargo::rustc-env=PORTCULLIS_VERSION={version} ({commit})"),
        None => println!("cargo::rustc-env=PORTCULLIS_VERSION={version}"),
    }
}

/// The commit that `cargo package` wrote into the package.
fn packaged(folder: &Path) -> Option<String> {
    let notes = fs::read_to_string(folder.join(".cargo_vcs_info.json")).ok()?;
    let (_, rest) = notes.split_once("\"sha1\"")?;
    rest.split('"').nth(1).map(str::to_owned)
}

/// HEAD of the clone whose root this folder is. A clone around it is another project's.
fn cloned(folder: &Path) -> Option<String> {
    let root = git(folder, &["rev-parse", "--show-toplevel"])?;
    if fs::canonicalize(root).ok()? != fs::canonicalize(folder).ok()? {
        return None;
    }
    // Each move of HEAD adds a line. Without it, as in a bare checkout, only a change of branch is
    // seen.
    let log = ["logs/HEAD", "HEAD"].into_iter();
    let watched = log.filter_map(|name| git(folder, &["rev-parse", "--git-path", name]));
    // A path that does not exist would run this script at each build.
    if let Some(watched) = watched.map(|path| folder.join(path)).find(|path| path.exists()) {
        println!("cargo::rerun-if-changed={}", watched.display());
    }
    git(folder, &["rev-parse", "HEAD"])
}

fn git(folder: &Path, arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").arg("-C").arg(folder).args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}
