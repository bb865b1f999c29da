//! Runs a command of the real binary to its end.

use std::{path::Path, process::Stdio};

use tokio::{io::AsyncWriteExt, process::Command};

/// The exit code of `portcullis` with these words in `folder`, what it prints, and what it says on standard error. Its
/// environment is empty.
pub async fn portcullis(folder: &Path, words: &[&str]) -> (Option<i32>, String, String) {
    Portcullis::at(folder).words(words).run().await
}

/// One run of the real binary, with the words, variables and standard input that it gets.
pub struct Portcullis {
    command: Command,
    input: String,
}

impl Portcullis {
    /// In `folder`, with an empty environment and nothing on standard input.
    pub fn at(folder: &Path) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_portcullis"));
        command.current_dir(folder).env_clear().kill_on_drop(true);
        Self { command, input: String::new() }
    }

    /// With these words, after those that it has.
    pub fn words(mut self, words: &[&str]) -> Self {
        self.command.args(words);
        self
    }

    /// With this variable.
    pub fn variable(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self
    }

    /// With this text on standard input.
    pub fn input(self, text: &str) -> Self {
        Self { input: text.to_owned(), ..self }
    }

    /// Runs it to its end: the exit code, what it prints, and what it says on standard error.
    pub async fn run(mut self) -> (Option<i32>, String, String) {
        self.command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = self.command.spawn().unwrap();
        let mut input = child.stdin.take().unwrap();
        // It may end before it reads all of it.
        let _ = input.write_all(self.input.as_bytes()).await;
        drop(input);
        let output = child.wait_with_output().await.unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        (output.status.code(), text(output.stdout), text(output.stderr))
    }
}
