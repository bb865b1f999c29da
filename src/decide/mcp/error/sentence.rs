//! Writes out the sentence of a refusal, for the user or the model that must act on it.

use std::fmt::{self, Display, Formatter};

use super::about::About;
use crate::{
    base::{
        names::Scope,
        shown::shown,
        shown_uri::{template_shown, uri_shown},
        text::Text,
    },
    decide::{
        mcp::request::target::Target,
        refusal::{Refusal, row::Sentence},
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
    if about.takes_keys_alone && *about.refusal == Refusal::NoCredential {
        return "this server needs an API key: send it as Authorization: Bearer".to_owned();
    }
    match about.refusal.row().sentence {
        Sentence::Whole(all) => all.to_owned(),
        Sentence::Detail(start, detail) => format!("{start}{detail}"),
        Sentence::Token(start, fault) => format!("{start}{fault}"),
        Sentence::Seconds(start, seconds) => format!("{start}{seconds} s"),
        Sentence::Bytes(start, bytes, end) => format!("{start}{bytes}{end}"),
        Sentence::Named(start, name) => format!("{start}{name}"),
        Sentence::Between(start, came, middle, own) => format!("{start}{}{middle}{own}", Shown(came)),
        Sentence::Origin(start, origin, middle, end) => {
            let origin = Shown(origin);
            format!("{start}{origin}{middle}{origin}{end}")
        }
        Sentence::Asked(before, after, detail) => format!("{before}{what}{after}{detail}"),
        Sentence::SignIn([]) => format!("{what} needs an access token: send it as Authorization: Bearer"),
        Sentence::SignIn(needed) => {
            let noun = if needed.len() == 1 { "scope" } else { "scopes" };
            format!("{what} needs an access token with {noun} {}: send it as Authorization: Bearer", Listed(needed))
        }
        Sentence::Needs(needed) => {
            let needed = if needed.is_empty() { about.required_scopes } else { needed };
            lacking(&what, needed, about.caller.map(Caller::scopes))
        }
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

/// What was asked for, as far as it is known: "tools/call admin_reset".
struct What<'a>(&'a About<'a>);

impl Display for What<'_> {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        // A response has no method.
        match (self.0.target, self.0.method.filter(|method| !method.is_empty())) {
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
        Target::Tool(name) | Target::Prompt(name) | Target::Path(name) => {
            write!(out, " {}", Shown(name))
        }
        // The client writes the answer into a log of its own, perhaps, or into a chat.
        Target::Template(uri) => write!(out, " {}", Shown(&template_shown(uri).to_string())),
        Target::Resources(uris) => listed(uris, |uri| uri_shown(uri).to_string(), out),
        Target::Tasks { ids, .. } => listed(ids, str::to_owned, out),
        Target::Several(_) | Target::Open | Target::Method(_) | Target::TaskList => Ok(()),
        Target::Stream | Target::EndSession => Ok(()),
    }
}

fn listed(names: &[Text], written: impl Fn(&str) -> String, out: &mut Formatter<'_>) -> fmt::Result {
    let Some((first, others)) = names.split_first() else {
        return Ok(());
    };
    write!(out, " {}", Shown(&written(first)))?;
    if others.is_empty() { Ok(()) } else { write!(out, " and {} more", others.len()) }
}

/// Text of the caller, shortened and visible.
struct Shown<'a>(&'a str);

impl Display for Shown<'_> {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        shown(self.0, NAME_CHARS_MAX).fmt(out)
    }
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
