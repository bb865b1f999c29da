//! The arguments that commands take.

use std::path::PathBuf;

use clap::Args;

/// `--config`.
#[derive(Debug, Args)]
pub(super) struct ConfigFile {
    /// The configuration file.
    #[arg(long = "config", value_name = "FILE")]
    pub path: PathBuf,
}

/// Arguments of `explain`: a configuration alone, or one request to one of its servers.
#[derive(Debug, Args)]
pub(super) struct Explain {
    #[command(flatten)]
    pub config: ConfigFile,
    /// The server that is asked, by its key under `servers:`.
    #[arg(long, value_name = "NAME", requires = "target", requires = "credential")]
    pub server: Option<String>,
    /// A tool that is called.
    #[arg(long, value_name = "NAME", group = "target", requires = "server")]
    pub tool: Option<String>,
    /// A resource that is read.
    #[arg(long, value_name = "URI", group = "target", requires = "server")]
    pub resource: Option<String>,
    /// A prompt that is asked for.
    #[arg(long, value_name = "NAME", group = "target", requires = "server")]
    pub prompt: Option<String>,
    /// A method without parameters, such as `tools/list`.
    #[arg(long, value_name = "NAME", group = "target", requires = "server")]
    pub method: Option<String>,
    /// A file with a token, which is verified with the issuer's keys.
    #[arg(long, value_name = "FILE", group = "credential", requires = "server")]
    pub token_file: Option<PathBuf>,
    /// Scopes of an imagined token, separated by spaces; it has no other claims.
    #[arg(long, value_name = "SCOPES", group = "credential", requires = "server")]
    pub scopes: Option<String>,
}
