//! Decides what of a client's query reaches the upstream: never a parameter that the operator set.

use std::borrow::Cow;

use http::uri::PathAndQuery;

use crate::{
    base::percent::escaped_byte,
    decide::refusal::{PresentationFault, Refusal},
};

#[cfg(test)]
mod tests;

/// What happens to the query of a client's URL (`upstream.query`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum QueryRule {
    /// It is appended to the upstream's URL, byte for byte.
    #[default]
    Forward,
    /// It is dropped.
    Drop,
    /// Parameters of these names are appended, and others are dropped.
    Named(Vec<Box<str>>),
}

/// What decides about the query of a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientQuery {
    rule: QueryRule,
    /// The names in the upstream's URL, folded.
    pinned: Vec<String>,
    /// Such names up to their bracket: of `filter[x]`, the name `filter`.
    pinned_parents: Vec<String>,
}

/// A token must not be sent in a URI (SPEC B-06).
const TOKEN: &str = "access_token";

/// Checks that no parameter of `query` is a token.
///
/// # Errors
/// [`PresentationFault::InQuery`].
pub fn check_no_token(query: Option<&str>) -> Result<(), Refusal> {
    let mut holds = false;
    each_name(query.unwrap_or_default(), |name| holds |= folded(name) == TOKEN);
    if holds { Err(Refusal::Presentation(PresentationFault::InQuery)) } else { Ok(()) }
}

impl ClientQuery {
    /// Decides by `rule`. The parameters of `configured`, the upstream's path and query, are the
    /// operator's.
    #[must_use]
    pub fn new(rule: &QueryRule, configured: &str) -> Self {
        let query = configured.split_once('?').map_or("", |(_, query)| query);
        let mut pinned = Vec::new();
        each_name(query, |name| pinned.push(folded(name)));
        pinned.retain(|name| !name.is_empty());
        let mut pinned_parents = Vec::new();
        each_name(query, |name| pinned_parents.extend(parent(name).map(folded)));
        Self { rule: rule.clone(), pinned, pinned_parents }
    }

    /// The part of `query`, as the client wrote it, that is appended to the upstream's URL.
    ///
    /// # Errors
    /// [`Refusal::PinnedQuery`] for a parameter that the upstream's URL has already, in any
    /// spelling that a server could read as it; [`PresentationFault::InQuery`] for a token; and
    /// [`Refusal::BadRequest`] for a permitted parameter that hides another after a `;`.
    pub fn passed<'q>(&self, query: Option<&'q str>) -> Result<Option<Cow<'q, str>>, Refusal> {
        let Some(query) = query.filter(|query| !query.is_empty() && self.rule != QueryRule::Drop) else {
            return Ok(None);
        };
        let mut refusal = None;
        each_name(query, |name| refusal = refusal.take().or_else(|| self.refusal_of(name)));
        if let Some(refusal) = refusal {
            return Err(refusal);
        }
        match &self.rule {
            QueryRule::Forward => Ok(Some(Cow::Borrowed(query))),
            QueryRule::Named(names) => only(query, names),
            QueryRule::Drop => Ok(None),
        }
    }

    fn refusal_of(&self, name: &[u8]) -> Option<Refusal> {
        let is = |folded: &str| {
            if folded == TOKEN {
                return Some(Refusal::Presentation(PresentationFault::InQuery));
            }
            self.pinned.iter().find(|pinned| *pinned == folded).map(|name| pinned_query(name))
        };
        let whole = folded(name);
        let is_parent = |folded: &String| {
            self.pinned_parents.iter().find(|pinned| *pinned == folded).map(|name| pinned_query(name))
        };
        is(&whole)
            .or_else(|| is(&folded(parent(name)?)))
            .or_else(|| is_parent(&whole))
            .or_else(|| bracketed(name).map(folded).and_then(|inner| is(&inner).or_else(|| is_parent(&inner))))
    }
}

fn pinned_query(name: &str) -> Refusal {
    Refusal::PinnedQuery(name.into())
}

/// The names of parameters in `one`, a path and query, that `other` does not have.
#[must_use]
pub fn pinned_alone(one: &str, other: &str) -> Vec<String> {
    let pinned = |of: &str| ClientQuery::new(&QueryRule::Forward, of).pinned;
    let others = pinned(other);
    pinned(one).into_iter().filter(|name| !others.contains(name)).collect()
}

/// `target` with `query` appended.
///
/// # Errors
/// [`Refusal::UriTooLong`] if the result is no request target.
pub fn appended(target: &PathAndQuery, query: &str) -> Result<PathAndQuery, Refusal> {
    let whole = match target.query() {
        None => format!("{target}?{query}"),
        Some("") => format!("{}?{query}", target.path()),
        Some(configured) if configured.ends_with('&') => format!("{target}{query}"),
        Some(_) => format!("{target}&{query}"),
    };
    PathAndQuery::try_from(whole).map_err(|_| Refusal::UriTooLong)
}

/// The parameters of `query` that have one of these names.
fn only<'q>(query: &'q str, names: &[Box<str>]) -> Result<Option<Cow<'q, str>>, Refusal> {
    let is_named = |parameter: &str| {
        let name = unescaped(parameter.split('=').next().unwrap_or_default().as_bytes(), Depth::Once);
        names.iter().any(|one| one.as_bytes() == name)
    };
    let mut kept = String::new();
    for piece in query.split('&') {
        let mut parameters = piece.split(';');
        if !parameters.next().is_some_and(is_named) {
            continue;
        }
        // Some servers read `a=1;b=2` as one parameter, and others as two.
        if !parameters.all(is_named) {
            return Err(Refusal::BadRequest("a parameter of the query holds a `;`: write it as %3B"));
        }
        if !kept.is_empty() {
            kept.push('&');
        }
        kept.push_str(piece);
    }
    Ok((!kept.is_empty()).then_some(Cow::Owned(kept)))
}

/// Calls `found` with each name that a server could find in `query`: `&` and `;` separate
/// parameters, also where they are escaped.
fn each_name(query: &str, mut found: impl FnMut(&[u8])) {
    let is_separator = |byte: &u8| matches!(byte, b'&' | b';');
    let name_of = |parameter: &[u8]| parameter.iter().position(|byte| *byte == b'=').unwrap_or(parameter.len());
    let mut names = |text: &[u8], depth| {
        for parameter in text.split(is_separator) {
            if let Some((name, _)) = parameter.split_at_checked(name_of(parameter)) {
                found(&unescaped(name, depth));
            }
        }
    };
    names(query.as_bytes(), Depth::Full);
    if query.contains('%') {
        names(&unescaped(query.as_bytes(), Depth::Full), Depth::Full);
    }
}

/// The part of a name before its bracket: many servers read `a[]` and `a[b]` as `a`.
fn parent(name: &[u8]) -> Option<&[u8]> {
    name.iter().position(|byte| *byte == b'[').and_then(|at| name.get(..at))
}

/// The name inside leading brackets: some servers read `[a]` and `[a][b]` as `a`.
fn bracketed(name: &[u8]) -> Option<&[u8]> {
    let is_bracket = |byte: &u8| matches!(byte, b'[' | b']');
    let inner = name.get(name.iter().position(|byte| !is_bracket(byte)).filter(|at| *at > 0)?..)?;
    inner.get(..inner.iter().position(is_bracket).unwrap_or(inner.len()))
}

/// An unescaped name as the least exact server compares it: without letter case, blanks around it
/// and what follows a NUL; and with `_` for each blank, dot and bracket, as PHP reads it.
fn folded(name: &[u8]) -> String {
    let end = name.iter().position(|byte| *byte == 0).unwrap_or(name.len());
    let text = String::from_utf8_lossy(name.get(..end).unwrap_or_default());
    let blank = |character: char| character.is_whitespace() || character.is_control() || character == '+';
    let text = text.trim_matches(|character| blank(character) || character == '?');
    let plain = text.chars().map(|character| match character {
        '.' | '[' => '_',
        character if blank(character) => '_',
        character => character,
    });
    // To lower case by way of upper case, so that `ſ` is `s` and the Kelvin sign is `k`.
    plain.flat_map(char::to_lowercase).flat_map(char::to_uppercase).flat_map(char::to_lowercase).collect()
}

/// The character of the four digits of `%uXXXX`.
fn wide(digits: [u8; 4]) -> Option<char> {
    digits
        .iter()
        .try_fold(0, |value, digit| Some(value << 4 | char::from(*digit).to_digit(16)?))
        .and_then(char::from_u32)
}

/// How often text is unescaped.
#[derive(Clone, Copy, PartialEq)]
enum Depth {
    Once,
    /// Until nothing is escaped, as by a chain of servers.
    Full,
}

/// `text` with its escapes replaced by their bytes; a `%` without two hexadecimal digits stays. One
/// pass, so that nested escapes cost no more than others. At full depth, `%uXXXX` is an escape as
/// well: some old servers read it.
fn unescaped(text: &[u8], depth: Depth) -> Vec<u8> {
    let mut out: Vec<u8> = Vec::with_capacity(text.len());
    // Escapes that begin before this byte were replaced already.
    let mut done = 0;
    for byte in text {
        out.push(*byte);
        if depth == Depth::Full
            && let Some([b'%', b'u' | b'U', digits @ ..]) = out.last_chunk::<6>().copied()
            && let Some(character) = wide(digits)
        {
            out.truncate(out.len() - 6);
            out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
        }
        while let Some([b'%', high, low]) = out.last_chunk::<3>().copied()
            && out.len() >= done + 3
            && let Some(byte) = escaped_byte(Some(high), Some(low))
        {
            out.truncate(out.len() - 3);
            out.push(byte);
            if depth == Depth::Once {
                done = out.len();
            }
        }
    }
    out
}
