//! `portcullis connect`: what to type or click in each MCP client to use a server of the gateway.

use std::path::{Path, PathBuf};

use clap::Args;

use crate::{
    cli::{
        arguments::ConfigFile,
        connect::{
            client_guide::ClientGuide,
            clients::{CLIENTS, named},
            endpoint::McpEndpoint,
        },
        terminal::{BAD_CONFIG, complain, load, print},
    },
    config::Settings,
};

mod client_guide;
mod clients;
mod editors;
mod endpoint;
mod guide;

/// Arguments of `connect`.
#[derive(Debug, Args)]
pub(super) struct Connect {
    /// The MCP client, such as claude-code, vscode or cursor; without one, all of them.
    #[arg(value_name = "CLIENT")]
    pub client: Option<String>,
    /// The configuration file; `-` is standard input. CLIENT may be left out before it.
    ///
    /// Without one, the variable PORTCULLIS_CONFIG names it; without that, it is gateway.yaml in
    /// the current folder.
    #[arg(value_name = "FILE", conflicts_with = "config")]
    pub file: Option<PathBuf>,
    /// The same file, as an option.
    #[arg(short, long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// The MCP server to connect to: its key under `servers:`; without one, all of them.
    #[arg(long, value_name = "NAME")]
    pub server: Option<String>,
    /// The URL of an MCP server, in place of a configuration.
    #[arg(long, value_name = "URL", conflicts_with_all = ["file", "config", "server"])]
    pub url: Option<String>,
}

/// Prints how the clients connect.
pub(super) fn connect(arguments: &Connect) -> u8 {
    match found(arguments) {
        Ok((clients, endpoints)) => {
            print(page(clients, &endpoints).trim_end());
            0
        }
        Err(code) => code,
    }
}

fn found(arguments: &Connect) -> Result<(&'static [ClientGuide], Vec<McpEndpoint>), u8> {
    let bad = |why: String| {
        complain(&why);
        BAD_CONFIG
    };
    let second = arguments.file.as_deref().and_then(Path::to_str);
    let (client, file) = match (arguments.client.as_deref(), second) {
        (Some(first), None) if is_file(first) => (None, Some(PathBuf::from(first))),
        (Some(first), Some(second)) if is_file(first) && named(second).is_ok() => {
            (Some(second), Some(PathBuf::from(first)))
        }
        (client, _) => (client, arguments.file.clone()),
    };
    if client.is_none() && file.is_some() && (arguments.url.is_some() || arguments.config.is_some()) {
        return Err(bad("a configuration is named twice: as FILE, and with --config or --url".to_owned()));
    }
    let clients = match client {
        None => CLIENTS,
        Some(name) => std::slice::from_ref(named(name).map_err(bad)?),
    };
    Ok((clients, endpoints(arguments, file)?))
}

/// Whether CLIENT was left out, and this is FILE.
fn is_file(text: &str) -> bool {
    let is_name = |text: &str| text.contains('/') || text.ends_with(".yaml") || text.ends_with(".yml");
    named(text).is_err() && (text == "-" || is_name(text) || Path::new(text).is_file())
}

/// How the clients on a developer's machine connect to the servers of a configuration.
pub(super) fn few(settings: &Settings) -> String {
    let endpoints: Vec<_> = settings.servers.iter().map(|server| McpEndpoint::of(settings, server)).collect();
    let one = |name: &str| named(name).map(|client| page(std::slice::from_ref(client), &endpoints)).unwrap_or_default();
    one("claude-code").trim_end().to_owned()
}

fn endpoints(arguments: &Connect, file: Option<PathBuf>) -> Result<Vec<McpEndpoint>, u8> {
    if let Some(url) = &arguments.url {
        let endpoint = McpEndpoint::at(url).map_err(|why| {
            complain(&format!("--url: {why}"));
            BAD_CONFIG
        })?;
        return Ok(vec![endpoint]);
    }
    let source = ConfigFile { file, config: arguments.config.clone() }.source()?;
    let settings = load(&source)?.settings;
    let wanted = |name: &str| arguments.server.as_deref().is_none_or(|server| server == name);
    let servers = settings.servers.iter().filter(|server| wanted(&server.name));
    let found: Vec<McpEndpoint> = servers.map(|server| McpEndpoint::of(&settings, server)).collect();
    if found.is_empty() {
        let names: Vec<&str> = settings.servers.iter().map(|server| &*server.name).collect();
        let server = arguments.server.as_deref().unwrap_or_default();
        complain(&format!("--server: there is no server {server:?} in {source}; expected one of {}", names.join(", ")));
        return Err(BAD_CONFIG);
    }
    Ok(found)
}

/// Markdown: a section for each server, and in it one for each client.
fn page(clients: &[ClientGuide], endpoints: &[McpEndpoint]) -> String {
    let one = |endpoint: &McpEndpoint| {
        let mut section = format!("# {}: {}\n", endpoint.name, endpoint.url);
        for client in clients {
            section.push_str(&format!("\n## {}\n\n{}", client.title, client.steps(endpoint)));
        }
        section
    };
    endpoints.iter().map(one).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests;
