//! One sentence for each refusal, for the user or the model that must act on it.

use std::fmt::{self, Display, Formatter};

use super::about::About;
use crate::{
    base::{names::Scope, text::Text},
    decide::{
        mcp::request::target::Target,
        refusal::{PresentationFault, Refusal, TokenFault},
        token::caller::Caller,
    },
};

/// How much of a name from the caller's body is shown.
const NAME_CHARS_MAX: usize = 100;

/// How many scopes are listed.
const SCOPES_MAX: usize = 16;

/// The sentence that a user or a model can act on: "tools/call admin_reset needs scope
/// mcp:tools:admin; the token has mcp:tools".
///
/// It shows nothing that the caller may not know: no text of a rule, no upstream, nothing of a
/// token but its scopes.
#[must_use]
pub fn sentence(about: &About<'_>) -> String {
    let what = What(about);
    match about.refusal {
        Refusal::BadRequest(why) => format!("the HTTP request is not acceptable: {why}"),
        Refusal::NotFound => "there is no MCP server at this path".into(),
        Refusal::Misdirected => "this gateway does not serve that host name".into(),
        Refusal::Method(allowed) => format!("this path takes only {allowed}"),
        Refusal::UriTooLong => "the request's URI is too long".into(),
        Refusal::HeadersTooLarge => "the request has too many or too large header fields".into(),
        Refusal::HeadTimeout => "the request's header came too slowly".into(),
        Refusal::Expectation => "the only expectation that can be met is 100-continue".into(),
        Refusal::Loop => "the request has been through this gateway before: its upstream leads back to it".into(),
        Refusal::ForeignOrigin => "browser pages from this origin may not call this server".into(),

        Refusal::NoCredential => "this server needs an access token: send it as Authorization: Bearer".into(),
        Refusal::Presentation(fault) => presentation(*fault).into(),
        Refusal::Token(fault) => token(*fault),
        Refusal::KeysUnavailable { retry_after_secs } => {
            format!(
                "the token cannot be checked now: its issuer's keys are out of reach, or its key is not among them yet; \
                 try again in {retry_after_secs} s"
            )
        }

        Refusal::MediaType => "the body must be application/json in UTF-8".into(),
        Refusal::ContentCoding => "the body must not be compressed".into(),
        Refusal::BodyTooLarge => "the body is larger than this server takes".into(),
        Refusal::BodyTimeout => "the body came too slowly".into(),
        Refusal::BodyBroken | Refusal::BodyAborted => "the body broke off before its end".into(),
        Refusal::Unreadable(why) => format!("the body cannot be read with one meaning: {why}"),
        Refusal::NotAMessage(why) => format!("the body is not one JSON-RPC message with one meaning: {why}"),
        Refusal::BadParams(why) => format!("the parameters of {what} are not acceptable: {why}"),
        Refusal::HeaderMismatch(why) => format!("headers and body disagree: {why}"),
        Refusal::BadSessionHeader => "Mcp-Session-Id and Last-Event-ID must each be one short plain value".into(),
        Refusal::UnknownSession => "there is no such session; start a new one with initialize".into(),

        Refusal::Scope { needed } => {
            let needed = if needed.is_empty() { about.required_scopes } else { needed };
            lacking(&what, needed, about.caller.map(Caller::scopes))
        }
        Refusal::Forbidden { .. } => format!("{what} is not allowed for this caller, and no scope would change that"),
        Refusal::NoRule => format!("{what} is not allowed: no rule of this server permits it"),
        Refusal::UnsafeUri(why) => format!("{what} is not allowed: {why}"),
        Refusal::UnknownTask => format!("{what} is not allowed: this caller created no such task through this gateway"),
        Refusal::TooManyStreams => "this caller has too many open streams; close one and try again".into(),
        Refusal::TooManySessions => {
            "this caller has too many sessions; end those that are done with DELETE and try again later".into()
        }
        Refusal::OverloadedDescriptors => {
            "the gateway has no file descriptor left for this request; try again later".into()
        }
        Refusal::TooManyRequests => {
            "this caller has too many requests under way; wait for some of the answers and try again".into()
        }
        Refusal::TooManyBodyBytes => {
            "this caller sends too many large bodies at once; send them one after the other".into()
        }
        Refusal::OverloadedRequests => "the gateway has too many requests under way; try again later".into(),
        Refusal::OverloadedBodyBytes => "the gateway holds too many large bodies; try again later".into(),
        Refusal::TooManyTasks => "this caller has too many tasks; try again when some have ended".into(),

        Refusal::UpstreamUnreachable(how) | Refusal::UpstreamTimeout(how) => {
            format!("the MCP server behind this gateway {how}")
        }
        Refusal::UpstreamBusy => {
            "the MCP server behind this gateway has no room for another call now; try again".into()
        }
        Refusal::UpstreamAnswer(why) => format!("the MCP server behind this gateway gave no usable answer: {why}"),
        // What went wrong inside is for the log.
        Refusal::Internal(_) => "the gateway failed; the request was not carried out".into(),
    }
}

/// "… needs scope …; the token has …".
pub(super) fn lacking(what: &dyn Display, needed: &[Scope], granted: Option<&[Scope]>) -> String {
    let noun = if needed.len() == 1 { "scope" } else { "scopes" };
    let needed = Listed(needed);
    match granted {
        None => format!("{what} needs {noun} {needed}"),
        Some([]) => format!("{what} needs {noun} {needed}; the token has none"),
        Some(granted) => format!("{what} needs {noun} {needed}; the token has {}", Listed(granted)),
    }
}

fn presentation(fault: PresentationFault) -> &'static str {
    match fault {
        PresentationFault::TwoCredentials => "more than one credential: send one Authorization header with one token",
        PresentationFault::InQuery => "a token may not be sent in the URI: send it as Authorization: Bearer",
        PresentationFault::InForm => "a token may not be sent in a form: send it as Authorization: Bearer",
        PresentationFault::Malformed => "the Authorization header is not Bearer with one token",
    }
}

/// The words of the challenge, so that body and header say the same.
fn token(fault: TokenFault) -> String {
    format!("the access token was refused: {}", fault.description())
}

/// What was asked for, as far as it is known: "tools/call admin_reset".
struct What<'a>(&'a About<'a>);

impl Display for What<'_> {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        match (self.0.target, self.0.method) {
            (Some(Target::Stream), _) => out.write_str("opening the event stream"),
            (Some(Target::EndSession), _) => out.write_str("ending the session"),
            (Some(Target::Several(_)), _) => out.write_str("this batch"),
            (Some(Target::Method(method)), _) => Shown(method).fmt(out),
            (Some(target), Some(method)) => {
                Shown(method).fmt(out)?;
                object(target, out)
            }
            (None, Some(method)) => Shown(method).fmt(out),
            (_, None) => out.write_str("this request"),
        }
    }
}

fn object(target: &Target, out: &mut Formatter<'_>) -> fmt::Result {
    match target {
        Target::Tool(name) | Target::Prompt(name) | Target::Template(name) => write!(out, " {}", Shown(name)),
        Target::Resources(uris) => listed(uris, out),
        Target::Tasks { ids, .. } => listed(ids, out),
        Target::Several(_) | Target::Open | Target::Method(_) | Target::TaskList => Ok(()),
        Target::Stream | Target::EndSession => Ok(()),
    }
}

fn listed(names: &[Text], out: &mut Formatter<'_>) -> fmt::Result {
    let Some((first, others)) = names.split_first() else {
        return Ok(());
    };
    write!(out, " {}", Shown(first))?;
    if others.is_empty() { Ok(()) } else { write!(out, " and {} more", others.len()) }
}

/// Text of the caller, shortened, and unable to forge a line, a colour or a direction where it is
/// shown.
struct Shown<'a>(&'a str);

impl Display for Shown<'_> {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let mut chars = self.0.chars();
        for c in chars.by_ref().take(NAME_CHARS_MAX) {
            if is_unseen(c) {
                write!(out, "{}", c.escape_unicode())?;
            } else {
                write!(out, "{c}")?;
            }
        }
        if chars.next().is_some() { out.write_str("…") } else { Ok(()) }
    }
}

/// Controls, line ends, and marks without width or that turn the writing direction.
fn is_unseen(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{AD}' | '\u{61C}' | '\u{180E}' | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}')
        || matches!(c, '\u{2060}'..='\u{206F}' | '\u{FEFF}' | '\u{FFF9}'..='\u{FFFB}' | '\u{E0000}'..='\u{E007F}')
}

struct Listed<'a>(&'a [Scope]);

impl Display for Listed<'_> {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        for (at, scope) in self.0.iter().take(SCOPES_MAX).enumerate() {
            let gap = if at == 0 { "" } else { " " };
            write!(out, "{gap}{}", Shown(scope))?;
        }
        match self.0.len().saturating_sub(SCOPES_MAX) {
            0 => Ok(()),
            more => write!(out, " and {more} more"),
        }
    }
}
