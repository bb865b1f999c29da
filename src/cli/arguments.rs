//! The arguments that commands take.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

/// The configuration file of a command. `cli/given` finds it.
#[derive(Debug, Args)]
pub(super) struct ConfigFile {
    /// The configuration file; `-` is standard input. A pipe is read once, as `-` is.
    ///
    /// Without one, the variable PORTCULLIS_CONFIG names it; without that, it is gateway.yaml in
    /// the current folder.
    #[arg(value_name = "FILE", conflicts_with = "config")]
    pub file: Option<PathBuf>,
    /// The same file, as an option.
    #[arg(short, long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

/// Arguments of `run`.
#[derive(Debug, Args)]
pub(super) struct Run {
    #[command(flatten)]
    pub config: ConfigFile,
    /// Stop when standard input, a pipe, ends. The demo starts its gateway so.
    #[arg(long, hide = true)]
    pub until_input_ends: bool,
}

/// Arguments of `check`.
#[derive(Debug, Args)]
pub(super) struct Check {
    #[command(flatten)]
    pub config: ConfigFile,
    /// Also contact issuers, upstreams and stores, as `doctor` does. Exit code 1 if one of them
    /// has a fault.
    #[arg(long)]
    pub online: bool,
    /// How findings are printed.
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t)]
    pub format: CheckFormat,
}

/// How findings are printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum CheckFormat {
    /// Lines for people: problems and warnings on standard error.
    #[default]
    Text,
    /// Workflow commands of GitHub Actions, on standard output.
    Github,
}

/// Arguments of `explain`: a configuration alone, or one request to one of its servers.
#[derive(Debug, Args)]
pub(super) struct Explain {
    #[command(flatten)]
    pub config: ConfigFile,
    /// The MCP server of the request: its key under `servers:`.
    #[arg(long, value_name = "NAME", requires = "target", requires = "credential")]
    pub server: Option<String>,
    /// The tool to call.
    #[arg(long, value_name = "NAME", group = "target", requires = "server")]
    pub tool: Option<String>,
    /// The resource to read.
    #[arg(long, value_name = "URI", group = "target", requires = "server")]
    pub resource: Option<String>,
    /// The prompt to get.
    #[arg(long, value_name = "NAME", group = "target", requires = "server")]
    pub prompt: Option<String>,
    /// The method to call, without parameters, such as `tools/list`.
    #[arg(long, value_name = "NAME", group = "target", requires = "server")]
    pub method: Option<String>,
    /// A file with the access token, which is verified with the issuer's keys.
    #[arg(long, value_name = "FILE", group = "credential", requires = "server")]
    pub token_file: Option<PathBuf>,
    /// The scopes of a token without other claims, separated by spaces; no token is needed.
    #[arg(long, value_name = "SCOPES", group = "credential", requires = "server")]
    pub scopes: Option<String>,
}

/// Arguments of `doctor`: the URL of any MCP server, or a configuration.
#[derive(Debug, Args)]
pub(super) struct Doctor {
    /// The URL of an MCP server, as users enter it; or a configuration file.
    #[arg(value_name = "URL", group = "examined")]
    pub target: Option<String>,
    /// The configuration file, whose gateway is examined at its `public_url`.
    ///
    /// Without one, and without a URL, the variable PORTCULLIS_CONFIG names it; without that, it is
    /// gateway.yaml in the current folder.
    #[arg(long, short, value_name = "FILE", group = "examined")]
    pub config: Option<PathBuf>,
    /// A file with an access token. It is read here, and sent to the server's URL alone.
    #[arg(long, value_name = "FILE")]
    pub token_file: Option<PathBuf>,
    /// Print the findings as JSON.
    #[arg(long)]
    pub json: bool,
    /// Where to connect, such as 127.0.0.1:8443, if the URL leads elsewhere from this host.
    #[arg(long, value_name = "ADDRESS")]
    pub reach_at: Option<String>,
    /// The origin of a web page that must be able to connect, such as http://localhost:6274.
    #[arg(long, value_name = "ORIGIN")]
    pub origin: Option<String>,
    /// A file with the certificates of a private CA, trusted besides the public ones.
    #[arg(long, value_name = "FILE")]
    pub ca: Option<PathBuf>,
    /// A finding that is known and meant: its id. It may be given several times.
    #[arg(long, value_name = "ID")]
    pub ignore: Vec<String>,
    /// Say on standard error what was examined.
    #[arg(long, short)]
    pub verbose: bool,
}

/// The commands of `key`.
#[derive(Debug, Subcommand)]
pub(super) enum KeyCommand {
    /// Make an API key, and print it once with the entry to add to the file of keys.
    New(NewKey),
}

/// Arguments of `key new`.
#[derive(Debug, Args)]
pub(super) struct NewKey {
    /// Who uses the key. Logs and audit lines show it, and upstreams get it as `sub`.
    #[arg(long, value_name = "NAME")]
    pub name: String,
    /// The MCP servers that take it, separated by spaces.
    #[arg(long, value_name = "NAMES")]
    pub servers: Option<String>,
    /// The scopes that it grants, separated by spaces.
    #[arg(long, value_name = "SCOPES")]
    pub scopes: Option<String>,
    /// Its last day, such as 2027-01-31, or its end, such as 2027-01-31T12:00:00Z.
    #[arg(long, value_name = "DATE")]
    pub not_after: Option<String>,
}
