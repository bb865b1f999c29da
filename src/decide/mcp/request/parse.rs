//! Reads one message without a copy; refuses JSON that two readers could read differently.

mod collect;
mod members;
#[cfg(test)]
mod tests;

use bytes::Bytes;

use self::{
    collect::{Collected, Scalar},
    members::{Role, Slot},
};
use crate::{
    base::limits::messages::JSON_VALUES_MAX,
    decide::{
        json::{
            scan::{JsonFault, Scan},
            strings::Names,
            text::text_of,
        },
        mcp::request::message::{Message, MessageFault},
        refusal::Refusal,
    },
};

/// Reads one message (SPEC C-10…C-14, C-23…C-29). A batch is refused.
///
/// # Errors
/// [`Refusal::Unreadable`], [`Refusal::NotAMessage`] or [`Refusal::BadParams`]: the first that
/// applies, in this order.
pub fn read(body: &Bytes, depth_max: u32) -> Result<Message, MessageFault> {
    let text = match text_of(body) {
        Ok(text) => text,
        Err(why) => return Err(MessageFault { refusal: Refusal::Unreadable(why), id: None }),
    };
    let mut found = Collected::new(body);
    match walk(&mut Scan::new(text), depth_max, &mut found) {
        Ok(()) => found.message(),
        Err(Stop::Unreadable(why)) => Err(found.unreadable(why)),
        Err(Stop::Batch) => Err(MessageFault { refusal: Refusal::NotAMessage("a batch"), id: None }),
    }
}

/// Why the walk ended early.
enum Stop {
    /// Not JSON, or over a bound.
    Unreadable(JsonFault),
    /// An array. Its elements are not read.
    Batch,
}

impl From<JsonFault> for Stop {
    fn from(why: JsonFault) -> Self {
        Self::Unreadable(why)
    }
}

/// An object or array that has begun.
struct Open {
    role: Role,
    /// For an object, where its names start in the list of all names.
    names: Option<usize>,
}

/// Reads the one value of the text. Nesting costs an entry in `open`, but no native stack.
fn walk<'a>(scan: &mut Scan<'a>, depth_max: u32, found: &mut Collected<'a>) -> Result<(), Stop> {
    let mut open: Vec<Open> = Vec::with_capacity(8);
    let mut names = Names::new();
    let mut slot = Slot::Root;
    let mut values = 0_usize;
    loop {
        values += 1;
        if values > JSON_VALUES_MAX {
            return Err(Stop::Unreadable("too many values"));
        }
        scan.space();
        let start = scan.at();
        match scan.next() {
            Some(b'{') => {
                let (role, mark) = (found.object(slot), names.mark());
                begin(&mut open, Open { role, names: Some(mark) }, depth_max)?;
                scan.space();
                if scan.eat(b'}') {
                    open.pop();
                } else {
                    slot = member(scan, role, mark, &mut names, found)?;
                    continue;
                }
            }
            Some(b'[') if open.is_empty() => return Err(Stop::Batch),
            Some(b'[') => {
                let role = found.array(slot);
                begin(&mut open, Open { role, names: None }, depth_max)?;
                scan.space();
                if scan.eat(b']') {
                    open.pop();
                } else {
                    slot = role.element();
                    continue;
                }
            }
            Some(first) => {
                let value = scalar(scan, first)?;
                // Readers turn half a surrogate pair into U+FFFD, WTF-8 or an error, so it may
                // only be in text that decides nothing and that clients truncate (SPEC C-29,
                // attack 280).
                if scan.met_half() && slot != Slot::Argument {
                    return Err(Stop::Unreadable(HALF));
                }
                if slot != Slot::Other && slot != Slot::Argument {
                    found.scalar(slot, value, scan.since(start));
                }
            }
            None => return Err(Stop::Unreadable(if open.is_empty() { "empty" } else { "not JSON: broken off" })),
        }
        match next_slot(scan, &mut open, &mut names, found)? {
            Some(next) => slot = next,
            None => return Ok(()),
        }
    }
}

/// Reads a value that begins with `first` and is neither object nor array.
#[inline]
fn scalar<'a>(scan: &mut Scan<'a>, first: u8) -> Result<Scalar<'a>, JsonFault> {
    match first {
        b'"' => scan.string().map(Scalar::Text),
        b'-' | b'0'..=b'9' => scan.number(first).map(|()| Scalar::Number),
        b't' => scan.literal("rue").map(|()| Scalar::Word),
        b'f' => scan.literal("alse").map(|()| Scalar::Word),
        b'n' => scan.literal("ull").map(|()| Scalar::Word),
        _ => Err("not JSON: no value where one must be"),
    }
}

fn begin(open: &mut Vec<Open>, new: Open, depth_max: u32) -> Result<(), JsonFault> {
    if open.len() >= usize::try_from(depth_max).unwrap_or(usize::MAX) {
        return Err("nested too deep");
    }
    open.push(new);
    Ok(())
}

/// After a value: closes objects and arrays that end here, and returns the slot of the next value;
/// `None` at the end of the text.
fn next_slot<'a>(
    scan: &mut Scan<'a>,
    open: &mut Vec<Open>,
    names: &mut Names<'a>,
    found: &mut Collected<'a>,
) -> Result<Option<Slot>, JsonFault> {
    loop {
        scan.space();
        let Some(Open { role, names: mark }) = open.last() else {
            return scan.next().map_or(Ok(None), |_| Err("not JSON: something after the message"));
        };
        match (scan.next(), mark) {
            (Some(b','), Some(mark)) => {
                scan.space();
                return member(scan, *role, *mark, names, found).map(Some);
            }
            (Some(b','), None) => return Ok(Some(role.element())),
            (Some(b'}'), Some(mark)) => {
                if !names.end(*mark) {
                    found.no_message(TWICE);
                }
                open.pop();
            }
            (Some(b']'), None) => {
                open.pop();
            }
            (None, _) => return Err("not JSON: broken off"),
            (Some(_), _) => return Err("not JSON: neither a comma nor an end after a value"),
        }
    }
}

const HALF: JsonFault = "a lone surrogate outside of the values in params.arguments";

/// Of two equal names readers use the first, the last, both, or fail (attacks 1 to 4), in
/// `arguments` as well as in the envelope.
const TWICE: &str = "a member name that comes twice";

/// Reads a member's name and its colon, and returns the slot of its value.
fn member<'a>(
    scan: &mut Scan<'a>,
    role: Role,
    mark: usize,
    names: &mut Names<'a>,
    found: &mut Collected<'a>,
) -> Result<Slot, JsonFault> {
    if !scan.eat(b'"') {
        return Err("not JSON: no member name where one must be");
    }
    let name = scan.string()?;
    if scan.met_half() {
        return Err(HALF);
    }
    if !names.is_new(mark, name) {
        found.no_message(TWICE);
    }
    let slot = match role {
        Role::Other => Some(Slot::Other),
        Role::Arguments => Some(Slot::Argument),
        role => role.member(&name.meaning()),
    };
    if slot.is_none() {
        found.no_message("a member name that some readers take for one of the protocol's");
    }
    scan.space();
    if scan.eat(b':') { Ok(slot.unwrap_or(Slot::Other)) } else { Err("not JSON: no colon after a member name") }
}
