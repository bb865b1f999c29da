//! `portcullis explain`: a configuration with its defaults, or how one request would be decided.

use std::{
    fs::File,
    io::{self, Read},
    path::Path,
    sync::Arc,
};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, header::AUTHORIZATION};
use serde_json::{Map, Value, json};
use tokio::{runtime, task::JoinSet};

use crate::{
    app::{
        build::{Builder, BuiltParts},
        clock::SystemClock,
    },
    base::{clock::Clock, limits::tokens::TOKEN_BYTES_MAX, names::Scope},
    cli::{
        arguments::Explain,
        terminal::{BAD_CONFIG, FAULT, REFUSED, complain, load, print},
        unobserved::unobserved,
    },
    config::{Settings, explain as file_as_understood},
    decide::{
        mcp::{
            denial::DenyAs,
            method::{self, MethodEra, Touches},
            request::{
                parse,
                target::{self, Target},
            },
            version::FIRST_MODERN,
        },
        policy::explain::explain as explain_policy,
        refusal::{Refusal, told::Told},
        token::{
            caller::{Attributes, Caller, sorted},
            presented::Presented,
        },
    },
    inbound::state::server::Server,
    observe::log,
    outbound::verify::Verifier,
};

pub(super) fn explain(arguments: &Explain) -> u8 {
    let loaded = match arguments.config.source().and_then(|config| load(&config)) {
        Ok(loaded) => loaded,
        Err(code) => return code,
    };
    let Some(server) = arguments.server.as_deref() else {
        print(file_as_understood::print(&loaded.settings).trim_end());
        return 0;
    };
    // Failures to fetch the issuer's keys are logged beside the refusal that they cause.
    let _ = log::start(false, tracing::Level::WARN);
    match decided(arguments, &loaded.settings, server) {
        Ok(story) => {
            print(&story.lines.join("\n"));
            if story.allowed { 0 } else { REFUSED }
        }
        Err((code, why)) => {
            complain(&why);
            code
        }
    }
}

struct Story {
    lines: Vec<String>,
    allowed: bool,
}

type Failed = (u8, String);

/// The token that the request is explained for.
enum ExplainedToken {
    /// From a file, and verified.
    Verified(Arc<Caller>),
    /// Assumed to be valid, with these scopes.
    Assumed { scopes: Vec<Scope>, claims: Map<String, Value> },
}

impl ExplainedToken {
    fn attributes(&self) -> Attributes<'_> {
        match self {
            Self::Verified(caller) => caller.attributes(),
            Self::Assumed { scopes, claims } => Attributes { scopes, claims },
        }
    }
}

fn decided(arguments: &Explain, settings: &Settings, name: &str) -> Result<Story, Failed> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::start());
    let fault = |cause: io::Error| (FAULT, cause.to_string());
    let builder = Builder::new(unobserved(&clock).map_err(fault)?, Arc::clone(&clock))
        .map_err(|fault| (FAULT, fault.to_string()))?;
    let runtime = runtime::Builder::new_current_thread().enable_all().build().map_err(fault)?;
    let entered = runtime.enter();
    let (snapshot, _) = builder
        .build(&settings.clone().without_stores(), &BuiltParts::default())
        .map_err(|problems| (BAD_CONFIG, problems.join("\n")))?;
    drop(entered);
    let server = snapshot.servers.iter().find(|server| &*server.series.name == name).ok_or_else(|| {
        let known: Vec<&str> = settings.servers.iter().map(|server| &*server.name).collect();
        (BAD_CONFIG, format!("--server: there is no server {name:?}; there are {}", known.join(", ")))
    })?;

    let mut lines = vec![format!("Server {name}, resource {}.", server.resource)];
    let token = match (&arguments.token_file, &arguments.scopes) {
        (Some(file), _) => {
            let token = read_token(file).map_err(|cause| (BAD_CONFIG, format!("--token-file: {cause}")))?;
            match runtime.block_on(verify(&token, server, &*clock)) {
                Ok(caller) => {
                    lines.push(if caller.has_api_key() {
                        format!("The API key is valid: {}.", caller.subject())
                    } else {
                        let (issuer, name) = (caller.issuer(), caller.authorization_server());
                        format!("The token is valid: issued by {issuer} ({name}).")
                    });
                    ExplainedToken::Verified(caller)
                }
                Err(refusal) => {
                    // The words of the log, from the same place.
                    let told = snapshot.told_of_token(server, &token, &refusal, clock.now());
                    lines.extend(told.iter().flat_map(Told::lines));
                    return Ok(refused(lines, server, &refusal, &[]));
                }
            }
        }
        (None, scopes) => {
            lines.push(
                "The token is assumed: valid, for this resource, with these scopes and no other claims.".to_owned(),
            );
            assumed(scopes.as_deref().unwrap_or_default())?
        }
    };
    let attributes = token.attributes();
    lines.extend(versions(arguments));
    let target = match target_of(arguments, server) {
        Ok(target) => target,
        Err(refusal) => return Ok(refused(lines, server, &refusal, attributes.scopes)),
    };
    let explanation = explain_policy(&server.policy, attributes, &target);
    lines.extend(explanation.steps);
    match explanation.verdict {
        Ok(rule) => {
            lines.push(match rule {
                Some(index) => format!("verdict: allowed by rules[{index}]"),
                None => "verdict: allowed".to_owned(),
            });
            Ok(Story { lines, allowed: true })
        }
        Err(refusal) => {
            let mut story = refused(lines, server, &refusal, attributes.scopes);
            if let Target::Tool(_) = target {
                story.lines.extend(form_of(server.deny_as, &token));
            }
            Ok(story)
        }
    }
}

/// How a refused call of a tool is answered, if not with the challenge.
fn form_of(deny_as: DenyAs, token: &ExplainedToken) -> Option<String> {
    let told = match (deny_as, token) {
        (DenyAs::ToolError, _) => "deny_as is tool_error: the answer is a result that says so, with status 200",
        (DenyAs::Auto, ExplainedToken::Verified(caller)) if caller.is_machine() => {
            "deny_as is auto, and this is a machine's token: the answer is a result that says so, with status 200"
        }
        (DenyAs::Auto, ExplainedToken::Assumed { .. }) => {
            "deny_as is auto: this is the answer for a user's token; with a machine's token the answer is a result that \
             says so, with status 200"
        }
        (DenyAs::Auto | DenyAs::Challenge, _) => return None,
    };
    Some(told.to_owned())
}

fn refused(mut lines: Vec<String>, server: &Server, refusal: &Refusal, granted: &[Scope]) -> Story {
    let row = refusal.row();
    lines.push(format!("verdict: refused, {} ({})", row.reason, row.status));
    match server.published.challenges.header(row.challenge, granted) {
        Some(challenge) => lines.push(format!("WWW-Authenticate: {}", challenge.to_str().unwrap_or_default())),
        None => lines.push("no WWW-Authenticate is sent".to_owned()),
    }
    Story { lines, allowed: false }
}

/// Reads a token file: one token, with white space around it.
fn read_token(file: &Path) -> io::Result<String> {
    let mut text = String::new();
    // One byte over the limit is enough to be refused like any token that is too long.
    File::open(file)?.take(TOKEN_BYTES_MAX as u64 + 64).read_to_string(&mut text)?;
    Ok(text.trim().to_owned())
}

/// Verifies a token as the gateway verifies a request's token.
async fn verify(token: &str, server: &Server, clock: &dyn Clock) -> Result<Arc<Caller>, Refusal> {
    let mut headers = HeaderMap::new();
    let mut value =
        HeaderValue::try_from(format!("Bearer {token}")).map_err(|_| Refusal::BadRequest("not a header value"))?;
    value.set_sensitive(true);
    headers.insert(AUTHORIZATION, value);
    let presented = Presented::find(&headers, None, server.limits.token)?;

    // The tasks that fetch the issuers' keys end with this function.
    let mut keepers = JoinSet::new();
    for issuer in &server.issuers {
        keepers.spawn(Arc::clone(issuer).keep_fresh());
    }
    server.verify(&Verifier::new(), presented, None, clock.now()).await
}

/// A token with these scopes, each once and in order, as those of a verified token are.
fn assumed(scopes: &str) -> Result<ExplainedToken, Failed> {
    let scopes = scopes.split_ascii_whitespace().map(|scope| {
        let valid = Scope::is_valid(scope).then(|| Scope::from(scope));
        valid.ok_or_else(|| (BAD_CONFIG, format!("--scopes: {scope:?} is not a scope (RFC 6749 §3.3)")))
    });
    let scopes = sorted(scopes.collect::<Result<_, _>>()?);
    Ok(ExplainedToken::Assumed { scopes, claims: Map::new() })
}

/// The target, found by the gateway's own code in the message that a client would send.
fn target_of(arguments: &Explain, server: &Server) -> Result<Target, Refusal> {
    let (method, params) = match arguments {
        Explain { tool: Some(name), .. } => (method::CALL_TOOL, json!({"name": name, "arguments": {}})),
        Explain { prompt: Some(name), .. } => (method::GET_PROMPT, json!({"name": name})),
        Explain { resource: Some(uri), .. } => (method::READ_RESOURCE, json!({"uri": uri})),
        Explain { method, .. } => {
            let method = method.as_deref().unwrap_or_default();
            let is_of_task = method::find(method).is_some_and(|row| row.touches == Touches::Task);
            // The id of a task that the gateway has not seen.
            (method, if is_of_task { json!({"taskId": "unknown"}) } else { json!({}) })
        }
    };
    let body = match method::find(method) {
        Some(row) if row.is_notification => json!({"jsonrpc": "2.0", "method": method, "params": params}),
        _ => json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}),
    };
    let body = Bytes::from(body.to_string());
    let message = parse::read(&body, server.limits.json_depth).map_err(|fault| fault.refusal)?;
    target::of(&message)
}

/// The protocol versions that define the method, unless all of them do.
fn versions(arguments: &Explain) -> Option<String> {
    let method = arguments.method.as_deref()?;
    let when = match method::find(method)?.era {
        MethodEra::Both => return None,
        MethodEra::Legacy => "before",
        MethodEra::Modern => "since",
    };
    let method_or_notification = if method.starts_with("notifications/") { "Notification" } else { "Method" };
    Some(format!("{method_or_notification} {method} exists in versions {when} {FIRST_MODERN}."))
}

#[cfg(test)]
mod tests;
