//! The flags of `serve` as written; `serve/meant` says what they stand for.

use std::ffi::OsString;

use clap::Args;

const TOKENS: &str = "Whose tokens are accepted (one of the first three)";
const PERMIT: &str = "What tokens permit";
const LISTEN: &str = "Where to listen";
const OPERATION: &str = "Operation";

/// Arguments of `serve`. Every value is text: the reader of the configuration judges it.
#[derive(Clone, Debug, Default, Args)]
pub struct Serve {
    /// The URL that clients type. Its path is the path of the server.
    ///
    /// Default: http:// and the loopback address of --listen. The default of the path is that of
    /// --upstream.
    #[arg(long, value_name = "URL", env = "PORTCULLIS_PUBLIC_URL", hide_env_values = true)]
    pub public_url: Option<String>,
    /// The MCP server to protect, with its path, such as http://127.0.0.1:8000/mcp.
    #[arg(long, value_name = "URL", env = "PORTCULLIS_UPSTREAM", hide_env_values = true)]
    pub upstream: Option<String>,
    /// The name of the MCP server in logs and metrics [default: mcp]
    #[arg(long, value_name = "NAME", env = "PORTCULLIS_NAME", hide_env_values = true)]
    pub name: Option<String>,

    /// Accept the tokens of this authorization server, such as a company's.
    #[arg(
        long,
        value_name = "URL",
        env = "PORTCULLIS_ISSUER",
        hide_env_values = true,
        help_heading = TOKENS
    )]
    pub issuer: Option<String>,
    /// Let the accounts of this file log in, at the embedded authorization server.
    #[arg(
        long,
        value_name = "FILE",
        env = "PORTCULLIS_ACCOUNTS",
        hide_env_values = true,
        help_heading = TOKENS
    )]
    pub accounts: Option<String>,
    /// Let one account `demo` log in, for a trial on this machine. Its password is printed.
    #[arg(long, env = "PORTCULLIS_DEMO_ACCOUNT", value_parser = yes_or_no, hide_env_values = true,
        help_heading = TOKENS)]
    pub demo_account: bool,
    /// What the issuer does in its own way: auth0, cognito, keycloak, okta and others.
    #[arg(
        long,
        value_name = "VENDOR",
        env = "PORTCULLIS_PROFILE",
        hide_env_values = true,
        help_heading = TOKENS
    )]
    pub profile: Option<String>,
    /// Where the logins of --accounts are kept; `memory` keeps them in the process.
    ///
    /// Default: beside the file of accounts, such as accounts.db beside accounts.yaml.
    #[arg(
        long,
        value_name = "FILE",
        env = "PORTCULLIS_STORE",
        hide_env_values = true,
        help_heading = TOKENS
    )]
    pub store: Option<String>,

    /// A scope that every request needs. Tokens that have it may use everything.
    #[arg(
        long,
        value_name = "SCOPE",
        env = "PORTCULLIS_SCOPE",
        hide_env_values = true,
        help_heading = PERMIT
    )]
    pub scope: Vec<String>,
    /// Every valid token may use everything.
    #[arg(long, env = "PORTCULLIS_ALLOW_ALL", value_parser = yes_or_no, hide_env_values = true,
        help_heading = PERMIT)]
    pub allow_all: bool,
    /// An audience of tokens that is accepted besides the URL of the server.
    #[arg(
        long,
        value_name = "AUDIENCE",
        env = "PORTCULLIS_AUDIENCE",
        hide_env_values = true,
        help_heading = PERMIT
    )]
    pub audience: Vec<String>,

    /// Where to listen, such as 0.0.0.0:8443.
    ///
    /// Default: the port of --public-url, on loopback for http:// and on 0.0.0.0 with TLS;
    /// 127.0.0.1:8080 if a proxy on this machine terminates TLS.
    #[arg(
        long,
        value_name = "ADDRESS",
        env = "PORTCULLIS_LISTEN",
        hide_env_values = true,
        help_heading = LISTEN
    )]
    pub listen: Vec<String>,
    /// The certificate chain (PEM), read again when it changes.
    #[arg(
        long,
        value_name = "FILE",
        env = "PORTCULLIS_TLS_CERT",
        hide_env_values = true,
        help_heading = LISTEN
    )]
    pub tls_cert: Option<String>,
    /// Its private key (PEM).
    #[arg(
        long,
        value_name = "FILE",
        env = "PORTCULLIS_TLS_KEY",
        hide_env_values = true,
        help_heading = LISTEN
    )]
    pub tls_key: Option<String>,
    /// Get the certificate from Let's Encrypt, whose terms you accept with your e-mail address.
    #[arg(long, value_name = "EMAIL", env = "PORTCULLIS_ACME", hide_env_values = true, help_heading = LISTEN)]
    pub acme: Option<String>,
    /// The folder of --acme for the account and the certificate; keep it [default: acme]
    ///
    /// A start without it orders another certificate, of which a CA gives only some a week.
    #[arg(long, value_name = "FOLDER", env = "PORTCULLIS_ACME_CACHE", hide_env_values = true, help_heading = LISTEN)]
    pub acme_cache: Option<String>,
    /// Listen without TLS beyond this machine: a proxy in front terminates it.
    #[arg(long, env = "PORTCULLIS_PLAINTEXT", value_parser = yes_or_no, hide_env_values = true,
        help_heading = LISTEN)]
    pub plaintext: bool,
    /// A network of proxies in front, which name the client's address, such as 10.0.0.0/8.
    #[arg(
        long,
        value_name = "NETWORK",
        env = "PORTCULLIS_TRUSTED_PROXY",
        hide_env_values = true,
        help_heading = LISTEN
    )]
    pub trusted_proxy: Vec<String>,
    /// An origin of browser pages that may call, such as http://localhost:*
    #[arg(
        long,
        value_name = "ORIGIN",
        env = "PORTCULLIS_ALLOWED_ORIGIN",
        hide_env_values = true,
        help_heading = LISTEN
    )]
    pub allowed_origin: Vec<String>,

    /// Where /healthz, /readyz and /metrics are [default: 127.0.0.1:9901]
    #[arg(long, value_name = "ADDRESS", env = "PORTCULLIS_ADMIN", hide_env_values = true, help_heading = OPERATION)]
    pub admin: Option<String>,
    /// A reference to a key that seals sessions and logins: env:NAME or file:PATH, never the key.
    ///
    /// Default: with a store, a key file beside it, which is made at the first start.
    #[arg(
        long,
        value_name = "REFERENCE",
        env = "PORTCULLIS_SESSION_KEY",
        hide_env_values = true,
        help_heading = OPERATION
    )]
    pub session_key: Vec<String>,
    /// text or json [default: text]
    #[arg(
        long,
        value_name = "FORMAT",
        env = "PORTCULLIS_LOG_FORMAT",
        hide_env_values = true,
        help_heading = OPERATION
    )]
    pub log_format: Option<String>,
    /// error, warn, info, debug or trace [default: info]
    #[arg(
        long,
        value_name = "LEVEL",
        env = "PORTCULLIS_LOG_LEVEL",
        hide_env_values = true,
        help_heading = OPERATION
    )]
    pub log_level: Option<String>,
    /// Print the configuration file that these flags stand for, and end. With --accounts, this
    /// makes the key file that the printed file names, as a start does.
    #[arg(long, env = "PORTCULLIS_PRINT_CONFIG", value_parser = yes_or_no, hide_env_values = true,
        help_heading = OPERATION)]
    pub print_config: bool,

    /// The command of an MCP server that speaks on its standard input and output.
    #[arg(last = true, value_name = "COMMAND", hide = true)]
    pub command: Vec<OsString>,
}

/// Whether a variable switches its flag on. Empty text is a variable that is not set.
fn yes_or_no(text: &str) -> Result<bool, String> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "yes" | "on" | "1" => Ok(true),
        "" | "false" | "no" | "off" | "0" => Ok(false),
        _ => Err("expected true or false".to_owned()),
    }
}
