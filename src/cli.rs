//! The command line: its commands and their exit codes.
//!
//! | exit code | means |
//! |---|---|
//! | 0 | done; a clean stop; allowed |
//! | 1 | the system, or a service that the gateway depends on, failed; `doctor` has findings |
//! | 2 | the configuration or the command line is wrong |
//! | 3 | refused (`explain`) |

use std::{ffi::OsString, process::ExitCode};

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::{
    base::version::VERSION,
    cli::{
        arguments::{Check, ConfigFile, Doctor, Explain, KeyCommand, Run},
        connect::Connect,
        init::Init,
        serve::arguments::Serve,
        shell::{Completions, ManPages},
        terminal::{BAD_CONFIG, complain, print},
    },
    config::{schema, source::ConfigSource},
};

mod arguments;
mod check;
mod connect;
mod demo;
mod demo_box;
#[doc(hidden)]
pub mod doctor;
mod explain;
mod given;
mod hash_password;
mod init;
mod key;
mod run;
mod serve;
mod shell;
mod terminal;
mod unobserved;

/// OAuth 2.1 in front of any MCP server.
#[derive(Debug, Parser)]
#[command(name = "portcullis", version = VERSION, about, arg_required_else_help = true, after_help = EXIT_CODES)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

const EXIT_CODES: &str =
    "Exit codes: 0 done, 1 fault or findings (doctor), 2 bad configuration or arguments, 3 refused (explain).";

const SERVE_EXAMPLES: &str = "\
Examples:
  portcullis serve --upstream http://127.0.0.1:8000/mcp --demo-account
  portcullis serve --public-url https://mcp.example.com --upstream http://127.0.0.1:8000/mcp \\
      --issuer https://login.example.com/realms/main --allow-all --tls-cert tls.crt --tls-key tls.key";

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve, and print the addresses that were bound.
    ///
    /// SIGTERM or SIGINT drains and stops; a second one stops at once. SIGHUP, or a change of the
    /// file, reads the configuration again. It also stops when its terminal is closed.
    Run(Run),
    /// Try it: a small MCP server, the gateway in front of it, and one account, on this machine.
    Demo {
        /// The port of 127.0.0.1 to serve on.
        #[arg(long, default_value_t = 8080, value_parser = clap::value_parser!(u16).range(1..))]
        port: u16,
    },
    /// Serve without a file: the settings are flags, or variables.
    ///
    /// Each flag is a key of the configuration file; --print-config prints that file. A list is
    /// repeated, or separated by commas or spaces. Relative paths are relative to the current
    /// folder.
    #[command(after_help = SERVE_EXAMPLES)]
    Serve(Box<Serve>),
    /// Check a configuration and print every problem at once, as file:line:column.
    Check(Check),
    /// Print a configuration as understood; or, with --server, how a request would be decided.
    Explain(Explain),
    /// Find out why clients cannot connect to an MCP server, and print the causes and their fixes.
    ///
    /// Asks what each client asks before a sign-in. Silent, with exit code 0, if nothing is wrong.
    Doctor(Doctor),
    /// Write a commented configuration: asks, looks at the live servers, checks what it wrote.
    Init(Box<Init>),
    /// Print what to type or click in each MCP client to use a server of the gateway.
    Connect(Connect),
    /// Print the JSON Schema of the configuration file, for editors.
    Schema,
    /// Hash a password for an accounts file: typed without echo, or one line of standard input.
    HashPassword,
    /// Make API keys.
    #[command(subcommand)]
    Key(KeyCommand),
    /// Print the completions of a shell.
    Completions(Completions),
    /// Print the manual page, or write the pages of all commands into a folder.
    Man(ManPages),
}

/// Runs the command in `arguments`, the first of which is the program's name.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    // Both libraries panic at first use if several backends are compiled in and none was chosen.
    // An error means that one was chosen before.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let _ = jsonwebtoken::crypto::aws_lc::DEFAULT_PROVIDER.install_default();

    let read = Arguments::command().try_get_matches_from(arguments);
    let (Arguments { command }, matches) = match read.and_then(|of| Ok((Arguments::from_arg_matches(&of)?, of))) {
        Ok(read) => read,
        Err(message) => {
            let text = message.render().to_string();
            let show = if message.use_stderr() { complain } else { print };
            show(text.trim_end());
            return ExitCode::from(u8::try_from(message.exit_code()).unwrap_or(BAD_CONFIG));
        }
    };
    ExitCode::from(match command {
        Command::Serve(of) => serve::serve(&of, matches.subcommand_matches("serve")),
        Command::Run(of) => with(&of.config, |config| run::run(config, of.until_input_ends)),
        Command::Demo { port } => demo::demo(port),
        Command::Check(of) => with(&of.config, |config| check::check(config, of.format, of.online)),
        Command::Explain(of) => explain::explain(&of),
        Command::Doctor(of) => doctor::doctor(&of),
        Command::Init(of) => init::init(&of, matches.subcommand_matches("init")),
        Command::Connect(of) => connect::connect(&of),
        Command::Schema => {
            print(&format!("{:#}", schema::json_schema()));
            0
        }
        Command::HashPassword => hash_password::hash_password(),
        Command::Key(KeyCommand::New(of)) => key::new(&of),
        Command::Completions(of) => shell::completions(Arguments::command(), &of),
        Command::Man(of) => shell::man(Arguments::command(), &of),
    })
}

/// Runs a command with the configuration that its arguments name.
fn with(of: &ConfigFile, command: impl FnOnce(&ConfigSource) -> u8) -> u8 {
    match of.source() {
        Ok(config) => command(&config),
        Err(code) => code,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Arguments, clap::Error> {
        Arguments::try_parse_from(line.split_whitespace())
    }

    #[test]
    fn the_definitions_hold_together() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn what_may_be_typed_and_what_may_not() {
        for (line, verdict) in [
            ("portcullis run --config a.yaml", true),
            ("portcullis run", true),
            ("portcullis run a.yaml", true),
            ("portcullis run -", true),
            ("portcullis run -c a.yaml", true),
            ("portcullis run a.yaml --config a.yaml", false),
            ("portcullis run a.yaml b.yaml", false),
            ("portcullis run --config a.yaml --config b.yaml", false),
            ("portcullis run --conf a.yaml", false),
            ("portcullis check --config a.yaml", true),
            ("portcullis check", true),
            ("portcullis check -", true),
            ("portcullis check -c -", true),
            ("portcullis serve", true),
            ("portcullis serve --upstream u --demo-account", true),
            ("portcullis serve --scope a --scope b --listen a --listen b --allow-all", true),
            ("portcullis serve -- npx server", true),
            ("portcullis serve a.yaml", false),
            ("portcullis serve --upstream u --upstream v", false),
            ("portcullis serve --allow-all=false", false),
            ("portcullis schema", true),
            ("portcullis schema --config a.yaml", false),
            ("portcullis explain --config a.yaml", true),
            ("portcullis explain", true),
            ("portcullis explain a.yaml --server s --tool t --scopes a", true),
            ("portcullis explain --server s --tool t --scopes a", true),
            ("portcullis explain --config a.yaml --server s --tool t --scopes a", true),
            ("portcullis explain --config a.yaml --server s --tool t --token-file f", true),
            ("portcullis explain --config a.yaml --server s --resource u --scopes a", true),
            ("portcullis explain --config a.yaml --server s --prompt p --scopes a", true),
            ("portcullis explain --config a.yaml --server s --method m --scopes a", true),
            ("portcullis explain --config a.yaml --server s --tool t", false),
            ("portcullis explain --config a.yaml --server s --scopes a", false),
            ("portcullis explain --config a.yaml --server s", false),
            ("portcullis explain --config a.yaml --tool t --scopes a", false),
            ("portcullis explain --config a.yaml --server s --tool t --prompt p --scopes a", false),
            ("portcullis explain --config a.yaml --server s --tool t --scopes a --token-file f", false),
            ("portcullis hash-password", true),
            ("portcullis hash-password hunter2", false),
            ("portcullis key new --name ci", true),
            ("portcullis key new --name ci --servers a --scopes b --not-after 2027-01-31", true),
            ("portcullis key new", false),
            ("portcullis key", false),
            ("portcullis connect", true),
            ("portcullis connect cursor --server a -c a.yaml", true),
            ("portcullis connect --url https://a/mcp --server a", false),
            ("portcullis init", true),
            ("portcullis init --upstream http://a/mcp --issuer https://b --out c.yaml --offline", true),
            ("portcullis init c.yaml", false),
            ("portcullis doctor --config a.yaml", true),
            ("portcullis doctor https://a.example/mcp --token-file t --json", true),
            ("portcullis doctor https://a.example/mcp --config a.yaml", false),
            ("portcullis token", false),
            ("portcullis demo", true),
            ("portcullis demo --port 8081", true),
            ("portcullis demo --port 0", false),
            ("portcullis completions zsh", true),
            ("portcullis completions", false),
            ("portcullis man --out pages", true),
            ("portcullis nonsense", false),
            ("portcullis", false),
        ] {
            assert_eq!(parsed(line).is_ok(), verdict, "{line}");
        }
    }

    #[test]
    fn usage_errors_end_with_2_and_help_with_0() {
        for (line, code) in [
            ("portcullis nonsense", 2),
            ("portcullis", 2),
            ("portcullis --help", 0),
            ("portcullis run --help", 0),
            ("portcullis --version", 0),
        ] {
            assert_eq!(parsed(line).unwrap_err().exit_code(), code, "{line}");
        }
    }

    #[test]
    fn scopes_may_be_empty_text() {
        let line = ["portcullis", "explain", "--config", "a", "--server", "s", "--tool", "t", "--scopes", ""];
        let Command::Explain(explain) = Arguments::try_parse_from(line).unwrap().command else { panic!("explain") };
        assert_eq!(explain.scopes.as_deref(), Some(""));
    }
}
