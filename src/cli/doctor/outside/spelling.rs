//! Asks what careless clients ask: another slash, GET, no `User-Agent`, a token that is not valid.

use http::{
    HeaderValue, Method, StatusCode,
    header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, USER_AGENT, WWW_AUTHENTICATE},
};

use super::{examined::Outside, reach::path_of};
use crate::{
    base::media,
    cli::doctor::finding::Finding,
    outbound::ask::{AskFaultKind, WebQuestion},
};

/// Not a token of anything: it has the form of none.
const NO_TOKEN: &str = "Bearer portcullis-doctor-this-is-not-a-token";

/// What is wrong with the answers beside the first, of a server whose first answer was 401.
pub(super) async fn check(of: &Outside<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    findings.extend(get(of).await);
    findings.extend(without_agent(of).await);
    findings.extend(bad_token(of).await);
    findings.extend(other_slash(of).await);
    findings
}

/// mcp-remote begins with GET.
async fn get(of: &Outside<'_>) -> Option<Finding> {
    let mut question = of.first_question();
    question.method = Method::GET;
    question.body.clear();
    question.fields.remove(CONTENT_TYPE);
    question.fields.insert(ACCEPT, HeaderValue::from_static(media::EVENT_STREAM));
    question.enough = Some(|_| true);
    let answer = of.ask(question).await.ok()?;
    let at = format!("GET {}", of.url);
    let finding = |found: String| {
        Finding::new("get-not-challenged", at)
            .found(found)
            .expected("401, as for POST; or 405 from a server without streams")
    };
    match answer.status {
        StatusCode::UNAUTHORIZED if !answer.fields.contains_key(WWW_AUTHENTICATE) => {
            // The POST has it, or its own finding.
            None
        }
        StatusCode::UNAUTHORIZED | StatusCode::METHOD_NOT_ALLOWED => None,
        status if status.is_success() => Some(finding(format!("{status} without a token"))),
        status => Some(finding(status.to_string()).warning()),
    }
}

/// The discovery requests of Python's SDK have no `User-Agent`. Another answer once may have any
/// cause, such as a limit or a reset: it must come again, and not to the same request with one.
async fn without_agent(of: &Outside<'_>) -> Option<Finding> {
    refusal_without_agent(of).await?;
    let with_agent = of.ask(of.first_question()).await.ok()?;
    if with_agent.status != StatusCode::UNAUTHORIZED {
        return None;
    }
    let found = refusal_without_agent(of).await?;
    Some(
        Finding::new("user-agent-required", format!("POST {}", of.url))
            .found(format!("{found} to a request without User-Agent"))
            .expected("401, as with one"),
    )
}

/// What a request without `User-Agent` gets in place of 401, if the request arrives at all.
async fn refusal_without_agent(of: &Outside<'_>) -> Option<String> {
    let mut question = of.first_question();
    question.fields.remove(USER_AGENT);
    match of.ask(question).await {
        Ok(answer) if answer.status == StatusCode::UNAUTHORIZED => None,
        Ok(answer) => Some(answer.status.to_string()),
        Err(fault) if matches!(fault.kind, AskFaultKind::Broken | AskFaultKind::Late) => Some(fault.cause),
        Err(_) => None,
    }
}

async fn bad_token(of: &Outside<'_>) -> Option<Finding> {
    let question = of.first_question().with(AUTHORIZATION, HeaderValue::from_static(NO_TOKEN));
    let answer = of.ask(question).await.ok()?;
    let at = format!("POST {} with a token that is not valid", of.url);
    let finding =
        Finding::new("bad-token-not-401", at).expected("401 with WWW-Authenticate: Bearer error=\"invalid_token\", …");
    match answer.status {
        StatusCode::UNAUTHORIZED => None,
        status if status.is_success() => Some(finding.found(format!("{status}: the server takes any token"))),
        status => Some(finding.found(status.to_string())),
    }
}

/// The URL with the other ending.
async fn other_slash(of: &Outside<'_>) -> Option<Finding> {
    if path_of(of.url).len() < 2 || of.url.contains(['?', '#']) {
        return None;
    }
    let url = match of.url.strip_suffix('/') {
        Some(bare) => bare.to_owned(),
        None => format!("{}/", of.url),
    };
    let answer = of.ask(WebQuestion { url: &url, ..of.first_question() }).await.ok()?;
    let at = format!("POST {url}");
    if answer.status.is_redirection() {
        let location = answer.location().unwrap_or("no Location");
        return Some(
            Finding::new("slash-redirected", at)
                .found(format!("{} to {location}", answer.status))
                .expected("the answer of the URL without the redirect, or 404")
                .warning(),
        );
    }
    let is_worse = answer.status.is_success() || answer.status.is_server_error();
    is_worse.then(|| {
        Finding::new("slash-differs", at)
            .found(answer.status.to_string())
            .expected("401, as at the other spelling, or 404")
    })
}
