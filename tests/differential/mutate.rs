//! What an attacker does to a body: to its members, and to its bytes.

use super::{
    rng::Rng,
    tree::{Node, quoted},
};

/// Names that decide something, for members that do not belong where they are put.
const DECISIVE: [&str; 16] = [
    "method",
    "params",
    "id",
    "jsonrpc",
    "result",
    "error",
    "name",
    "uri",
    "taskId",
    "ref",
    "type",
    "_meta",
    "notifications",
    "resourceSubscriptions",
    "taskIds",
    "task",
];
/// Values that readers like to differ about.
const ODD: [&str; 36] = [
    "null",
    "true",
    "false",
    "0",
    "-0",
    "-1",
    "1.0",
    "1.5",
    "1e2",
    "1E+2",
    "1e400",
    "-1e400",
    "1e-400",
    "NaN",
    "Infinity",
    "-Infinity",
    "01",
    "+1",
    ".5",
    "1.",
    "0x10",
    "9007199254740993",
    "9223372036854775808",
    "18446744073709551616",
    "123456789012345678901234567890",
    "[]",
    "{}",
    "[\"danger\"]",
    "\"danger\"",
    "\"\"",
    "\"\\ud800\"",
    "\"\\udc00\\ud800\"",
    "\"\\u0000\"",
    "\"\\ud83d\\ude00\"",
    "\"\\x41\"",
    "'danger'",
];

/// Halves of surrogate pairs, alone and beside others.
const HALVES: [&str; 6] =
    ["\\ud800", "\\udc00\\ud800", "caf\\u00e9\\uD83D", "\\ud83d\\ude00\\ude00", "a\\udfffb", "\\\\\\udbff"];

/// The kind of bodies with half a surrogate pair in `arguments`.
pub const HALF: &str = "half a pair in arguments";
/// The kind of bodies whose `params` are `null` or an empty array.
pub const BARE: &str = "bare params";

/// Puts half a pair into `params.arguments`, or replaces `params`; what was done.
pub fn lenient(rng: &mut Rng, tree: &mut Node) -> &'static str {
    let Node::Object(members) = tree else { return "nothing" };
    let Some((_, params)) = members.iter_mut().find(|(name, _)| name == "\"params\"") else {
        members.push((quoted("params"), Node::raw(rng.pick(&["null", "[]"]))));
        return BARE;
    };
    let of_call = if let Node::Object(members) = params {
        members.iter_mut().find(|(name, _)| name == "\"arguments\"")
    } else {
        None
    };
    let Some((_, arguments)) = of_call.filter(|_| !rng.once_in(4)) else {
        *params = Node::raw(rng.pick(&["null", "[]", "[ ]"]));
        return BARE;
    };
    let count = arguments.objects();
    let mut at = rng.below(count.max(1));
    let half = Node::Raw(format!("\"{}\"", rng.pick(&HALVES)));
    if let Some(members) = arguments.object(&mut at) {
        members.retain(|(name, _)| name != "\"half\"");
        members.push((quoted("half"), if rng.once_in(3) { Node::List(vec![half]) } else { half }));
    }
    HALF
}

/// Changes one member somewhere; what was done.
pub fn tree(rng: &mut Rng, tree: &mut Node) -> &'static str {
    let count = tree.objects();
    let mut at = rng.below(count.min(3));
    let donor = tree.clone();
    let Some(members) = tree.object(&mut at) else { return "nothing" };
    if members.is_empty() {
        members.push((quoted(rng.pick(&DECISIVE)), Node::raw(rng.pick(&ODD))));
        return "a member more";
    }
    let which = rng.below(members.len());
    match rng.below(13) {
        0 => {
            let (name, _) = members[which].clone();
            let twin = if rng.once_in(2) { members[which].1.clone() } else { Node::raw(rng.pick(&ODD)) };
            let to = rng.below(members.len() + 1);
            members.insert(to, (name, twin));
            "a member twice"
        }
        1 => {
            let twin = (escaped(rng, &members[which].0), Node::raw("\"danger\""));
            members.push(twin);
            "a member twice, once escaped"
        }
        2 => {
            let name = folded(rng, &members[which].0);
            if rng.once_in(2) {
                members[which].0 = name;
            } else {
                members.push((name, Node::raw("\"danger\"")));
            }
            "a look-alike name"
        }
        3 | 4 => {
            members[which].0 = escaped(rng, &members[which].0);
            "an escaped name"
        }
        5 | 6 => {
            if let Node::Raw(text) = &members[which].1 {
                let text = if text.starts_with('"') { escaped(rng, text) } else { text.clone() };
                members[which].1 = Node::Raw(text);
            }
            "an escaped value"
        }
        7 => {
            members[which].1 = Node::raw(rng.pick(&ODD));
            "an odd value"
        }
        8 => {
            members.remove(which);
            "a member less"
        }
        9 => {
            let (name, value) = (quoted(rng.pick(&DECISIVE)), Node::raw(rng.pick(&ODD)));
            let to = rng.below(members.len() + 1);
            members.insert(to, (name, value));
            "a member more"
        }
        10 => {
            let (open, close) = if rng.once_in(2) { ("[", "]") } else { ("{\"a\":", "}") };
            let depth = rng.pick(&[&3_usize, &60, &61, &62, &63, &64, &65, &100, &600]);
            let text = format!("{}0{}", open.repeat(*depth), close.repeat(*depth));
            members[which].1 = Node::Raw(text);
            "nesting"
        }
        11 => {
            let other = rng.below(members.len());
            let value = members[other].1.clone();
            members[which].1 = value;
            "another member's value"
        }
        _ => {
            members[which].1 = donor;
            "a message in a message"
        }
    }
}

/// The same text to who undoes escapes; seldom to who does not.
fn escaped(rng: &mut Rng, token: &str) -> String {
    let inner = token.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(token);
    // What is escaped already stays as it is.
    if inner.contains('\\') {
        return token.to_owned();
    }
    let mut out = String::from("\"");
    for letter in inner.chars() {
        let mut units = [0; 2];
        let units = letter.encode_utf16(&mut units).iter();
        match rng.below(3) {
            0 => out.extend(units.map(|unit| format!("\\u{unit:04x}"))),
            1 if letter == '/' => out.push_str("\\/"),
            1 if rng.once_in(8) => out.extend(units.map(|unit| format!("\\u{unit:04X}"))),
            _ => out.push(letter),
        }
    }
    out.push('"');
    out
}

/// A name that some readers take for this one.
fn folded(rng: &mut Rng, token: &str) -> String {
    let inner = token.trim_matches('"').to_owned();
    let name = match rng.below(8) {
        0 => inner.to_uppercase(),
        1 => inner
            .chars()
            .enumerate()
            .map(|(at, letter)| if at == 0 { letter.to_ascii_uppercase() } else { letter })
            .collect(),
        2 => inner.replace('s', "\u{17f}").replace('k', "\u{212a}"),
        3 => format!("{inner}\\u0000"),
        4 => format!("{inner} "),
        5 => format!(" {inner}"),
        6 => format!("{inner}\\u0000danger"),
        _ => format!("{inner}\u{200b}"),
    };
    format!("\"{name}\"")
}

/// Changes bytes without looking at what they mean; what was done.
pub fn bytes(rng: &mut Rng, body: &mut Vec<u8>, other: &[u8]) -> &'static str {
    let at = rng.below(body.len() + 1);
    let insert = |body: &mut Vec<u8>, at: usize, what: &[u8]| {
        body.splice(at..at, what.iter().copied());
    };
    match rng.below(14) {
        0 => {
            let at = rng.below(body.len().max(1)).min(body.len().saturating_sub(1));
            body[at] ^= 1 << rng.below(8);
            "a flipped bit"
        }
        1 => {
            insert(body, at, &[rng.below(256).try_into().unwrap()]);
            "a byte more"
        }
        2 => {
            if at < body.len() {
                body.remove(at);
            }
            "a byte less"
        }
        3 => {
            body.truncate(at);
            "broken off"
        }
        4 => {
            let from = rng.below(other.len() + 1);
            body.truncate(at);
            body.extend_from_slice(&other[from..]);
            "two messages spliced"
        }
        5 => {
            let mark: &[u8] = rng.pick(&[&b"\xEF\xBB\xBF"[..], b"\xFE\xFF", b"\xFF\xFE", b"\x1E", b"\0", b")]}',\n"]);
            insert(body, 0, mark);
            "a mark in front"
        }
        6 => {
            let tail: &[u8] = rng.pick(&[
                &b"{}"[..],
                b"\0",
                b" null",
                b"x",
                b"]",
                b"\n",
                b" \t\r\n",
                b"\x1A",
                b",",
                b"\xC2\xA0",
                b"//",
            ]);
            body.extend_from_slice(tail);
            "something behind"
        }
        7 => {
            body.push(b'\n');
            body.extend_from_slice(other);
            "two documents"
        }
        8 => {
            let comment: &[u8] = rng.pick(&[&b"/* */"[..], b"//\n", b"#\n", b"<!-- -->", b",", b"\\"]);
            insert(body, at, comment);
            "a comment"
        }
        9 => {
            let space: &[u8] = rng.pick(&[
                &b" "[..],
                b"\t",
                b"\n",
                b"\r",
                b"\x0B",
                b"\x0C",
                b"\xC2\xA0",
                b"\xE2\x80\xA8",
                b"\xEF\xBB\xBF",
                b"\x85",
            ]);
            insert(body, at, space);
            "white space"
        }
        10 => {
            let broken: &[u8] = rng.pick(&[
                &b"\xFF"[..],
                b"\xC0\xAF",
                b"\xE0\x80\xAF",
                b"\xED\xA0\x80",
                b"\xF4\x90\x80\x80",
                b"\xE2\x82",
                b"\x80",
            ]);
            insert(body, at, broken);
            "invalid UTF-8"
        }
        11 => {
            let inner = body.clone();
            *body = match rng.below(5) {
                0 => [&b"["[..], &inner, b"]"].concat(),
                1 | 2 => [&b"["[..], &inner, b",", other, b"]"].concat(),
                3 => [&b" [\n"[..], other, b"\t,", &inner, b" , ", other, b"]\n"].concat(),
                _ => [&b"\""[..], &inner, b"\""].concat(),
            };
            "a batch"
        }
        12 => {
            if let Ok(text) = std::str::from_utf8(body) {
                let little = rng.once_in(2);
                *body = text
                    .encode_utf16()
                    .flat_map(|unit| if little { unit.to_le_bytes() } else { unit.to_be_bytes() })
                    .collect();
            }
            "UTF-16"
        }
        _ => {
            let end = (at + rng.below(24)).min(body.len());
            let again = body[at.min(end)..end].to_vec();
            insert(body, end, &again);
            "a piece twice"
        }
    }
}
