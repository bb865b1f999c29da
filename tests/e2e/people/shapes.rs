//! Names of claims, globs, key sets, scope lists and metadata (A4, A5, A9, A12, A13).

use std::path::Path;

use crate::e2e::world::{World, command::portcullis};

mod claim_names;
mod early_clients;
mod globs;
mod key_sets;
mod scope_lists;

/// The exit code of a command, what it prints, and what it says on standard error.
async fn run_with(arguments: &[&str]) -> (Option<i32>, String, String) {
    portcullis(Path::new("."), arguments).await
}

/// As [`run_with`], with the world's configuration.
async fn run(world: &World, arguments: &[&str]) -> (Option<i32>, String, String) {
    let path = world.config_path();
    run_with(&[arguments, &["--config", path.to_str().unwrap()]].concat()).await
}

/// How `check` ends, and what it warns of.
async fn check(world: &World) -> (Option<i32>, String) {
    let (code, _, told) = run(world, &["check"]).await;
    (code, told)
}
