//! The `portcullis` command: arguments in, exit code out.

use std::{env::args_os, process::ExitCode};

fn main() -> ExitCode {
    portcullis::cli::main(args_os())
}
