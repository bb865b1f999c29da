//! Looks at the live MCP server and at the authorization server before a configuration is written.

use http::{HeaderMap, HeaderValue, header::USER_AGENT};
use serde_json::Value;

use crate::{
    cli::{doctor::issuer_findings, init::grouping::Offered, terminal::complain},
    outbound::ask::{
        Asker,
        mcp::{McpClient, McpFault},
    },
};

/// The paths that MCP servers usually have.
const USUAL_PATHS: [&str; 2] = ["/mcp", "/"];

/// An MCP server that answered.
#[derive(Debug)]
pub(super) struct Survey {
    /// One line about it.
    pub told: String,
    /// What it offers.
    pub offered: Offered,
}

/// Asks the server at `url` what it offers.
///
/// # Errors
/// Why it cannot be asked, and what to do.
pub(super) async fn survey(asker: &Asker, url: &str) -> Result<Survey, String> {
    let mut client = McpClient::new(asker, url, fields());
    let begun = match client.begin().await {
        Ok(begun) => begun,
        Err(fault) => return Err(format!("{url}: {}", words(&fault))),
    };
    let mut offered = Offered::default();
    let has = |name: &str| begun.capabilities.get(name).is_some();
    let mut faults = Vec::new();
    let mut list = async |is_there: bool, method: &str, member: &str| -> Vec<Value> {
        if !is_there {
            return Vec::new();
        }
        client.list(method, member).await.unwrap_or_else(|fault| {
            // Servers may leave out a list that their capabilities announce.
            if !matches!(fault, McpFault::Error { code: -32601, .. }) {
                faults.push(format!("{method}: {}", words(&fault)));
            }
            Vec::new()
        })
    };
    offered.tools = list(has("tools"), "tools/list", "tools").await;
    offered.resources = list(has("resources"), "resources/list", "resources").await;
    offered.resources.extend(list(has("resources"), "resources/templates/list", "resourceTemplates").await);
    offered.prompts = list(has("prompts"), "prompts/list", "prompts").await;
    client.end().await;
    for fault in faults {
        complain(&format!("{url}: {fault}; its rules must be written by hand"));
    }
    let name: String = begun.name.chars().filter(|character| !character.is_control()).take(64).collect();
    let told = format!(
        "{url}: MCP server {name:?} with {}, {} and {}",
        counted(offered.tools.len(), "tool"),
        counted(offered.resources.len(), "resource"),
        counted(offered.prompts.len(), "prompt"),
    );
    Ok(Survey { told, offered })
}

/// Where else on the same host an MCP server answers.
pub(super) async fn elsewhere(asker: &Asker, url: &str) -> Option<String> {
    let after_scheme = url.find("://")? + 3;
    let end = url.get(after_scheme..)?.find('/').map_or(url.len(), |at| at + after_scheme);
    let origin = url.get(..end)?;
    for path in USUAL_PATHS {
        let other = format!("{origin}{path}");
        if other.trim_end_matches('/') != url.trim_end_matches('/')
            && McpClient::new(asker, &other, fields()).begin().await.is_ok()
        {
            return Some(other);
        }
    }
    None
}

/// Says what the metadata of an authorization server lacks.
pub(super) async fn issuer(asker: &Asker, issuer: &str) {
    let findings = Box::pin(issuer_findings(asker, issuer)).await;
    if findings.is_empty() {
        complain(&format!("{issuer}: its metadata has what MCP clients need"));
    } else {
        complain(&format!("{issuer}: this stands in the way of MCP clients; the file is written all the same:\n"));
        complain(findings.trim_end());
    }
}

fn fields() -> HeaderMap {
    HeaderMap::from_iter([(USER_AGENT, HeaderValue::from_static("portcullis-init"))])
}

fn words(fault: &McpFault) -> String {
    match fault {
        McpFault::Unanswered(fault) => {
            format!("no answer: {}; is the MCP server running, and is this its address?", fault.cause)
        }
        McpFault::Status(answer) => match (answer.status.as_u16(), answer.location()) {
            (401 | 403, _) => format!(
                "it answered {}: it demands authorization itself. Switch that off there, and let only the gateway reach it",
                answer.status
            ),
            (_, Some(location)) => format!("it answered {} to {location:?}: write that URL", answer.status),
            (404 | 405, _) => format!("it answered {}: is the path right? Most MCP servers are at /mcp", answer.status),
            _ => format!("it answered {} to `initialize`", answer.status),
        },
        McpFault::NotMcp(answer) => format!("it answered {}, but not in MCP: is it another web server?", answer.status),
        McpFault::Error { code, message } => format!("it refused with the error {code}, {message:?}"),
    }
}

fn counted(count: usize, noun: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {noun}{plural}")
}
