//! Removes list items that the caller may not see; every other byte stays.

mod cuts;
#[cfg(test)]
mod tests;

use bytes::Bytes;

use self::cuts::Cuts;
use crate::decide::{
    json::{
        lookalike::resembles,
        scan::JsonFault,
        text::text_of,
        walk::{Walk, Word},
    },
    mcp::answer::lists::{ItemKind, ListedItem, Lists},
};

/// Filters the lists in a JSON-RPC message, or in an array of messages, by `keep`. If no item is
/// removed, the bytes stay the same.
///
/// A `cacheScope` beside such a list becomes `private`. If it is missing and a client would assume
/// `public`, it is added (SPEC A-72): the list of one caller must not be cached for another, even
/// if no item was removed.
///
/// # Errors
/// Why the message has no single meaning: then no part of it may be shown.
pub fn filter(
    message: &Bytes,
    lists: Lists,
    keep: &mut dyn FnMut(ListedItem<'_>) -> bool,
) -> Result<Bytes, &'static str> {
    cut(message, lists, &mut |item| keep(item).then_some(None)).map(|(kept, _)| kept)
}

/// Decides about one item: `None` removes it; text becomes the value of its member
/// `securitySchemes`, if it is a tool.
pub type Edit<'e> = &'e mut dyn FnMut(ListedItem<'_>) -> Option<Option<String>>;

/// As [`filter`], for items that may also be annotated. The member is added or replaced; every
/// other byte stays.
///
/// # Errors
/// As [`filter`].
pub fn edit(message: &Bytes, lists: Lists, edit: Edit<'_>) -> Result<Bytes, &'static str> {
    cut(message, lists, edit).map(|(kept, _)| kept)
}

/// As [`filter_body`], for items that may also be annotated.
///
/// # Errors
/// As [`filter`].
pub fn edit_body(message: &Bytes, lists: Lists, edit: Edit<'_>) -> Result<Bytes, &'static str> {
    whole(cut(message, lists, edit)?)
}

/// As [`filter`], for the whole body of an answer: an object must be a response, and the elements
/// of an array must be messages.
///
/// # Errors
/// As [`filter`].
pub fn filter_body(
    message: &Bytes,
    lists: Lists,
    keep: &mut dyn FnMut(ListedItem<'_>) -> bool,
) -> Result<Bytes, &'static str> {
    whole(cut(message, lists, &mut |item| keep(item).then_some(None))?)
}

fn whole(edited: (Bytes, bool)) -> Result<Bytes, &'static str> {
    match edited {
        (kept, true) => Ok(kept),
        (_, false) => Err("it has neither a result nor an error"),
    }
}

/// The filtered message, and whether it may be the body of an answer.
fn cut(message: &Bytes, lists: Lists, keep: Edit<'_>) -> Result<(Bytes, bool), &'static str> {
    let mut walk = Walk::new(text_of(message)?);
    let mut filter = Filter { lists, keep, cuts: Cuts::default() };
    let mut answers = true;
    match walk.value()? {
        (_, b'{') => answers = filter.message(&mut walk)? == Envelope::Response,
        (_, b'[') => walk.elements(|walk| match walk.value()? {
            (_, b'{') => {
                answers &= filter.message(walk)? != Envelope::None;
                Ok(())
            }
            _ => Err("an array with elements that are not messages"),
        })?,
        _ => return Err("not a message"),
    }
    walk.end()?;
    Ok((filter.cuts.apply(message), answers))
}

/// What an object is, by its members.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Envelope {
    Response,
    Request,
    None,
}

/// The members of a message, and the lists, which may not stand beside them.
const ENVELOPE: &[&str] = &[
    "result",
    "error",
    "id",
    "jsonrpc",
    "method",
    "params",
    "tools",
    "prompts",
    "resources",
    "resourceTemplates",
    "tasks",
];
const RESULT: &[&str] = &["tools", "prompts", "resources", "resourceTemplates", "tasks", "cacheScope", "ttlMs"];

/// The member of a tool that says how a client signs in for it.
const SCHEMES: &str = "securitySchemes";

struct Filter<'k> {
    lists: Lists,
    keep: Edit<'k>,
    cuts: Cuts,
}

impl Filter<'_> {
    /// Reads a message whose `{` is taken.
    fn message(&mut self, walk: &mut Walk<'_>) -> Result<Envelope, JsonFault> {
        let mut known = Known::new(ENVELOPE);
        let mut envelope = Envelope::None;
        walk.members(|walk, name| {
            let member = known.member(name)?;
            match member {
                Some("result" | "error") => envelope = Envelope::Response,
                Some("method") if envelope == Envelope::None => envelope = Envelope::Request,
                _ => {}
            }
            match (member, walk.value()?) {
                (Some("result"), (_, b'{')) => self.result(walk),
                (Some(member), (_, b'[')) if self.lists.kind(member).is_some() => Err("a list outside a result"),
                (_, (_, first)) => walk.skip(first),
            }
        })?;
        Ok(envelope)
    }

    fn result(&mut self, walk: &mut Walk<'_>) -> Result<(), JsonFault> {
        let behind_brace = walk.at();
        let mut known = Known::new(RESULT);
        let (mut has_list, mut is_cached, mut scope) = (false, false, None);
        walk.members(|walk, name| {
            let member = known.member(name)?;
            let (start, first) = walk.value()?;
            match (member, first) {
                (Some("cacheScope"), b'"') => {
                    let private = walk.word()?.one_meaning().is_ok_and(|word| word.meaning() == "private");
                    scope = Some((!private).then(|| (start, walk.at())));
                    return Ok(());
                }
                (Some("cacheScope"), first) => {
                    walk.skip(first)?;
                    scope = Some(Some((start, walk.at())));
                    return Ok(());
                }
                (Some("ttlMs"), _) => is_cached = true,
                (Some(member), first) => {
                    if let Some(kind) = self.lists.kind(member) {
                        has_list = true;
                        return match first {
                            b'[' => self.list(walk, kind),
                            // `null` is an empty list for some servers, and no client shows items
                            // of it.
                            b'n' => walk.skip(first),
                            _ => Err("a list that is not an array"),
                        };
                    }
                }
                (None, _) => {}
            }
            walk.skip(first)
        })?;
        match scope {
            _ if !has_list => {}
            Some(Some((start, end))) => self.cuts.replace(start, end, r#""private""#),
            // Without `ttlMs` the answer is stale at once, so no cache keeps it.
            None if is_cached => self.cuts.replace(behind_brace, behind_brace, r#""cacheScope":"private","#),
            Some(None) | None => {}
        }
        Ok(())
    }

    /// Reads a list whose `[` is taken. A removed item takes the comma before it along; if no item
    /// before it stays, the comma after it.
    fn list(&mut self, walk: &mut Walk<'_>, kind: ItemKind) -> Result<(), JsonFault> {
        let (mut is_kept, mut cut_from, mut end_before) = (false, None, 0);
        walk.elements(|walk| {
            let (start, first) = walk.value()?;
            if first != b'{' {
                return Err("an item of a list that is not an object");
            }
            let keep = self.item(walk, kind)?;
            match (keep, is_kept) {
                (true, _) => {
                    if let Some(from) = cut_from.take() {
                        self.cuts.remove(from, start);
                    }
                    is_kept = true;
                }
                (false, true) => self.cuts.remove(end_before, walk.at()),
                (false, false) => {
                    cut_from.get_or_insert(start);
                }
            }
            end_before = walk.at();
            Ok(())
        })?;
        if let Some(from) = cut_from {
            self.cuts.remove(from, end_before);
        }
        Ok(())
    }

    /// Whether an item whose `{` is taken stays. An item without a name cannot be judged.
    fn item(&mut self, walk: &mut Walk<'_>, kind: ItemKind) -> Result<bool, JsonFault> {
        let mut known = Known::new(kind.key());
        let (behind_brace, mut keep, mut schemes) = (walk.at(), None, None);
        walk.members(|walk, name| {
            if kind == ItemKind::Tool && name.one_meaning().is_ok_and(|name| name.meaning() == SCHEMES) {
                let (start, first) = walk.value()?;
                walk.skip(first)?;
                // Clients differ in which of two they read.
                return match schemes.replace((start, walk.at())) {
                    None => Ok(()),
                    Some(_) => Err("a member name that comes twice"),
                };
            }
            let member = known.member(name)?;
            match (member, walk.value()?) {
                (Some(_), (_, b'"')) => {
                    let name = walk.word()?.one_meaning()?;
                    keep = Some((self.keep)(kind.item(&name.meaning())));
                    Ok(())
                }
                (Some(_), _) => Err("an item of a list whose name is not a string"),
                (None, (_, first)) => walk.skip(first),
            }
        })?;
        let edited = keep.ok_or("an item of a list without a name")?;
        if let Some(Some(text)) = &edited {
            match schemes {
                Some((start, end)) => self.cuts.replace(start, end, text.clone()),
                // The item has at least a name, so there is a member to stand before.
                None => self.cuts.replace(behind_brace, behind_brace, format!("\"{SCHEMES}\":{text},")),
            }
        }
        Ok(edited.is_some())
    }
}

/// The members of an object that matter, and which of them have come.
struct Known {
    rows: &'static [&'static str],
    met: u32,
}

impl Known {
    fn new(rows: &'static [&'static str]) -> Self {
        Self { rows, met: 0 }
    }

    /// The row of the member `name`, if it has a row. Of two equal names some readers use the first
    /// and some the last, and some accept a look-alike, so both are refused.
    fn member(&mut self, name: Word<'_>) -> Result<Option<&'static str>, JsonFault> {
        let name = name.one_meaning()?.meaning();
        let Some(at) = self.rows.iter().position(|row| *row == name) else {
            return if resembles(self.rows.iter().copied(), &name) {
                Err("a member name that some readers take for one of the protocol's")
            } else {
                Ok(None)
            };
        };
        let bit = 1 << at;
        if self.met & bit != 0 {
            return Err("a member name that comes twice");
        }
        self.met |= bit;
        Ok(self.rows.get(at).copied())
    }
}
