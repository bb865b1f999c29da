//! Uses the server as a signed-in client: is the token accepted, and does a session list tools?

use http::{
    HeaderMap, HeaderValue, StatusCode,
    header::{AUTHORIZATION, USER_AGENT, WWW_AUTHENTICATE},
};

use super::{
    examined::{AGENT, Outside},
    reach,
};
use crate::{
    cli::doctor::finding::Finding,
    decide::resource_server::challenge_reader,
    outbound::ask::{
        AskFaultKind, WebAnswer,
        mcp::{McpClient, McpFault},
    },
};

/// What is wrong once there is a token. `authorization`: its field; without one, the server needs
/// none.
pub(super) async fn check(of: &Outside<'_>, authorization: Option<HeaderValue>) -> Vec<Finding> {
    let mut fields = HeaderMap::new();
    fields.insert(USER_AGENT, AGENT);
    if let Some(authorization) = authorization {
        fields.insert(AUTHORIZATION, authorization);
    }
    let mut client = McpClient::new(of.asker, of.url, fields).within(of.rule);
    let begun = match client.begin().await {
        Ok(begun) => begun,
        Err(fault) => return vec![failed(of, "initialize-failed", "initialize", &fault, false)],
    };
    let has_session = client.session().is_some();
    let mut findings = Vec::new();
    if begun.capabilities.get("tools").is_some()
        && let Err(fault) = client.list("tools/list", "tools").await
    {
        findings.push(failed(of, "tools-list-failed", "tools/list", &fault, has_session));
    } else if has_session {
        findings.extend(stream(of, &client).await);
    }
    client.end().await;
    findings
}

/// The stream of a session begins at once, although the first event may come much later.
async fn stream(of: &Outside<'_>, client: &McpClient<'_>) -> Option<Finding> {
    match client.stream().await {
        Err(fault) if fault.kind == AskFaultKind::Late => Some(
            Finding::new("stream-buffered", format!("GET {}", of.url))
                .found(fault.cause)
                .expected("the head of the answer at once: events follow later")
                .warning(),
        ),
        _ => None,
    }
}

fn failed(of: &Outside<'_>, id: &'static str, method: &str, fault: &McpFault, has_session: bool) -> Finding {
    let at = format!("POST {} {method}", of.url);
    match fault {
        McpFault::Unanswered(fault) => reach::finding(fault, of.url),
        McpFault::NotMcp(answer) => Finding::new("not-mcp", at)
            .found(format!("{} without an answer to {method}", answer.status))
            .expected("a JSON-RPC answer, as JSON or as an event"),
        McpFault::Error { code, message } => {
            let message: String = message.chars().take(200).collect();
            Finding::new(id, at).found(format!("error {code}: {message}")).expected("a result")
        }
        McpFault::Status(answer) => by_status(of, id, at, answer, has_session),
    }
}

fn by_status(of: &Outside<'_>, id: &'static str, at: String, answer: &WebAnswer, has_session: bool) -> Finding {
    let said = challenge(answer);
    let found = format!("{}{said}", answer.status);
    match answer.status {
        StatusCode::UNAUTHORIZED => {
            let opaque = of.token.is_some_and(super::token::TokenFile::is_opaque);
            let id = if opaque { "token-opaque" } else { "token-refused" };
            Finding::new(id, at).found(found).expected("200: the token was sent")
        }
        StatusCode::FORBIDDEN if said.contains("insufficient_scope") => {
            Finding::new("token-scope", at).found(found).expected("a token with these scopes")
        }
        StatusCode::NOT_FOUND | StatusCode::BAD_REQUEST if has_session => Finding::new("session-lost", at)
            .found(format!("{} within the session that the server has just begun", answer.status))
            .expected("a result: each replica must know the session, or the proxy must send a session to one replica"),
        StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT => {
            Finding::new("mcp-bad-gateway", at).found(found).expected("a result")
        }
        _ => Finding::new(id, at).found(found).expected("a result"),
    }
}

/// What the challenge of a refusal says.
fn challenge(answer: &WebAnswer) -> String {
    let lines = answer.fields.get_all(WWW_AUTHENTICATE).iter().filter_map(|line| line.to_str().ok());
    let challenges = lines.filter_map(|line| challenge_reader::read(line).ok()).flatten();
    let mut said = String::new();
    for challenge in challenges {
        for name in ["error", "error_description", "scope"] {
            if let Some(parameter) = challenge.parameter(name) {
                let value: String = parameter.value.chars().take(200).collect();
                said.push_str(&format!(", {name}=\"{value}\""));
            }
        }
    }
    said
}
