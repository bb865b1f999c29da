//! Runs a command of the real binary to its end.

use std::{path::Path, process::Stdio};

use tokio::process::Command;

/// The exit code of `portcullis` with these words in `folder`, what it prints, and what it says on standard error. Its
/// environment is empty.
pub async fn portcullis(folder: &Path, words: &[&str]) -> (Option<i32>, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_portcullis"))
        .args(words)
        .current_dir(folder)
        .env_clear()
        .stdin(Stdio::null())
        .output()
        .await
        .unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    (output.status.code(), text(output.stdout), text(output.stderr))
}
