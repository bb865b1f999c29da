//! A request's head: its line, its fields, and what they say together about the body and the host.

use super::{
    Fault, Step,
    field::{Done, Fields, Kept, Name, is_token},
    run,
};
use crate::decide::refusal::Refusal;

/// Longest host with its port: RFC 1035 §2.3.4 allows 253 bytes of name.
const HOST_BYTES_MAX: usize = 260;

/// A target over this is nobody's. Up to here whoever answers requests says 414 by the limit of its own.
const TARGET_BYTES_MAX: usize = 64 * 1024;

/// Methods are short words; `OPTIONS` and `CONNECT` are told apart from the rest.
const METHOD_BYTES_MAX: usize = 32;

/// Empty lines before a request that some clients send behind a body (RFC 9112 §2.2).
const BLANK_LINES_MAX: u8 = 2;

/// Nineteen digits fit into 64 bits, with or without a sign.
const CONTENT_LENGTH_DIGITS_MAX: usize = 19;

/// How long the body is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Body {
    None,
    Sized(u64),
    Chunked,
}

#[derive(Clone, Copy, Debug)]
enum State {
    Start,
    BlankLf,
    Method,
    Target,
    /// Bytes of `HTTP/1.` that are there.
    Version(usize),
    Minor,
    LineCr,
    LineLf,
    /// The first byte behind the request line.
    Fields,
}

/// Follows one head.
#[derive(Debug)]
pub(super) struct Head {
    state: State,
    blank_lines: u8,
    method: Kept<METHOD_BYTES_MAX>,
    /// The start of the target: enough for `https://` and any host.
    target: Kept<{ HOST_BYTES_MAX + 16 }>,
    target_bytes: usize,
    is_1_0: bool,
    fields: Fields,
    host: Option<Kept<HOST_BYTES_MAX>>,
    content_length: Option<u64>,
    chunked: bool,
}

const VERSION: &[u8] = b"HTTP/1.";

impl Head {
    pub(super) fn new() -> Self {
        Self {
            state: State::Start,
            blank_lines: 0,
            method: Kept::new(),
            target: Kept::new(),
            target_bytes: 0,
            is_1_0: false,
            fields: Fields::new(),
            host: None,
            content_length: None,
            chunked: false,
        }
    }

    /// For the next head on the connection.
    pub(super) fn reset(&mut self) {
        self.state = State::Start;
        (self.blank_lines, self.target_bytes, self.is_1_0) = (0, 0, false);
        self.method.clear();
        self.target.clear();
        self.fields.reset();
        (self.host, self.content_length, self.chunked) = (None, None, false);
    }

    /// The lines, for a trailer section: until [`Self::reset`] no head needs them.
    pub(super) fn fields(&mut self) -> &mut Fields {
        &mut self.fields
    }

    /// Takes bytes of `rest`, which has one; what body follows where the head ends.
    pub(super) fn take(&mut self, rest: &[u8]) -> Step<(usize, Option<Body>)> {
        let Some(first) = rest.first() else {
            return Ok((0, None));
        };
        if let State::Fields = self.state {
            return self.field(rest);
        }
        if let State::Target = self.state {
            return self.target(rest).map(|taken| (taken, None));
        }
        self.state = self.line(*first).map_err(|what| (0, Fault::bad(what)))?;
        Ok((1, None))
    }

    /// One byte of the request line outside its target. One space between its parts and CRLF at its end: RFC 9112 §3
    /// lets a recipient split at any white space, and that is where recipients differ.
    fn line(&mut self, byte: u8) -> Result<State, &'static str> {
        match (self.state, byte) {
            (State::Start, b'\r') if self.blank_lines < BLANK_LINES_MAX => Ok(State::BlankLf),
            (State::BlankLf, b'\n') => {
                self.blank_lines += 1;
                Ok(State::Start)
            }
            (State::Start | State::Method, byte) if is_token(byte) => {
                self.method.push(&[byte]);
                if self.method.over { Err("a method that is too long") } else { Ok(State::Method) }
            }
            (State::Method, b' ') if self.method.bytes() == b"CONNECT" => Err("CONNECT"),
            (State::Method, b' ') => Ok(State::Target),
            (State::Start | State::Method, _) => Err("a method that is no token"),

            (State::Version(at), byte) if VERSION.get(at) == Some(&byte) => {
                Ok(if at + 1 == VERSION.len() { State::Minor } else { State::Version(at + 1) })
            }
            (State::Minor, b'0' | b'1') => {
                self.is_1_0 = byte == b'0';
                Ok(State::LineCr)
            }
            // The preface of HTTP/2 ends here as well.
            (State::Version(_) | State::Minor, _) => Err("neither HTTP/1.1 nor HTTP/1.0"),

            (State::LineCr, b'\r') => Ok(State::LineLf),
            (State::LineLf, b'\n') => Ok(State::Fields),
            (State::LineCr, b'\n') => Err("a bare line feed"),
            (State::LineCr, _) => Err("something behind the version"),
            (State::BlankLf | State::LineLf, _) => Err("a bare carriage return"),
            (State::Target | State::Fields, _) => Err("out of step"),
        }
    }

    fn target(&mut self, rest: &[u8]) -> Step<usize> {
        let room = TARGET_BYTES_MAX.saturating_sub(self.target_bytes).min(rest.len());
        let len = run::until(rest.get(..room).unwrap_or_default(), |byte| !is_target(byte));
        self.target.push(rest.get(..len).unwrap_or_default());
        self.target_bytes += len;
        match rest.get(len) {
            None => Ok(len),
            Some(b' ') => {
                self.target_form().map_err(|what| (len, Fault::bad(what)))?;
                self.state = State::Version(0);
                Ok(len + 1)
            }
            Some(byte) if is_target(*byte) => {
                let refusal = Refusal::UriTooLong;
                Err((len, Fault { what: "a request target over the limit", refusal }))
            }
            Some(_) => Err((len, Fault::bad("a byte that no request target has"))),
        }
    }

    /// RFC 9112 §3.2: origin-form, absolute-form, or the asterisk of `OPTIONS`.
    fn target_form(&self) -> Result<(), &'static str> {
        match self.target.bytes() {
            [b'/', ..] => Ok(()),
            b"*" if self.method.bytes() == b"OPTIONS" => Ok(()),
            _ if self.authority().is_some_and(is_host) => Ok(()),
            _ => Err("a request target of no legal form"),
        }
    }

    /// The authority of an absolute-form target.
    fn authority(&self) -> Option<&[u8]> {
        let target = self.target.bytes();
        let rest = [b"http://".as_slice(), b"https://"].into_iter().find_map(|scheme| {
            let (start, rest) = target.split_at_checked(scheme.len())?;
            start.eq_ignore_ascii_case(scheme).then_some(rest)
        })?;
        match rest.iter().position(|byte| matches!(byte, b'/' | b'?')) {
            Some(end) => rest.get(..end),
            None if self.target.over => None,
            None => Some(rest),
        }
    }

    fn field(&mut self, rest: &[u8]) -> Step<(usize, Option<Body>)> {
        let (taken, done) = self.fields.take(rest)?;
        // A verdict over a line or the head falls on its last byte: without it nobody sees the line or the head end.
        let last = taken.saturating_sub(1);
        let bad = |what| (last, Fault::bad(what));
        match done {
            Done::Not => Ok((taken, None)),
            Done::Line(name) => self.noted(name).map(|()| (taken, None)).map_err(bad),
            Done::Section => self.body().map(|body| (taken, Some(body))).map_err(bad),
        }
    }

    fn noted(&mut self, name: Name) -> Result<(), &'static str> {
        let value = self.fields.value();
        match name {
            Name::Host => {
                if self.host.is_some() {
                    return Err("more than one Host");
                }
                let value = value
                    .filter(|host| host.len() <= HOST_BYTES_MAX && is_host(host))
                    .ok_or("a Host of no legal form")?;
                self.host.insert(Kept::new()).push(value);
                Ok(())
            }
            Name::ContentLength => {
                if self.content_length.is_some() {
                    return Err("more than one Content-Length");
                }
                self.content_length = Some(value.and_then(length).ok_or("a Content-Length that is no plain number")?);
                Ok(())
            }
            Name::TransferEncoding => {
                let chunked = value.is_some_and(|value| value.eq_ignore_ascii_case(b"chunked"));
                if self.chunked || !chunked {
                    return Err("a Transfer-Encoding that is not chunked, once");
                }
                self.chunked = true;
                Ok(())
            }
            Name::Other => Ok(()),
        }
    }

    fn body(&self) -> Result<Body, &'static str> {
        let host = self.host.as_ref().map(Kept::bytes);
        if host.is_none() && !self.is_1_0 {
            return Err("no Host");
        }
        // RFC 9112 §3.2.2 lets the target override Host: two names for one request, of which others take the other one.
        if let Some(authority) = self.authority()
            && !host.is_some_and(|host| host.eq_ignore_ascii_case(authority))
        {
            return Err("Host is not the host of the request target");
        }
        match (self.content_length, self.chunked) {
            (Some(_), true) => Err("Content-Length together with Transfer-Encoding"),
            // RFC 9112 §6.1: such a message may come through somebody who does not know the field.
            (None, true) if self.is_1_0 => Err("Transfer-Encoding on HTTP/1.0"),
            (None, true) => Ok(Body::Chunked),
            (Some(bytes), false) => Ok(Body::Sized(bytes)),
            (None, false) => Ok(Body::None),
        }
    }
}

/// Visible ASCII without the fragment sign (attack 97).
fn is_target(byte: u8) -> bool {
    byte.is_ascii_graphic() && byte != b'#'
}

/// Digits and nothing else: no sign, no list, no white space but the one behind the colon (attack 112).
fn length(value: &[u8]) -> Option<u64> {
    if value.is_empty() || value.len() > CONTENT_LENGTH_DIGITS_MAX || !value.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(value).ok()?.parse().ok()
}

/// `host` or `host:port`, as DNS and RFC 3986 §3.2.2 IP literals have it: no user, no list, no escapes, no empty port.
fn is_host(value: &[u8]) -> bool {
    let (host, port) = match value.strip_prefix(b"[").and_then(|rest| rest.iter().position(|byte| *byte == b']')) {
        Some(end) => value.split_at_checked(end + 2).unwrap_or_default(),
        None => value
            .split_at_checked(value.iter().position(|byte| *byte == b':').unwrap_or(value.len()))
            .unwrap_or_default(),
    };
    let literal = host.strip_prefix(b"[").and_then(|host| host.strip_suffix(b"]"));
    let named = match literal {
        Some(ip) => ip.iter().all(|byte| byte.is_ascii_hexdigit() || matches!(byte, b':' | b'.')) && ip.contains(&b':'),
        None => !host.is_empty() && host.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(byte)),
    };
    let ported = match port.split_first() {
        None => true,
        Some((b':', digits)) => matches!(digits.len(), 1..=5) && digits.iter().all(u8::is_ascii_digit),
        Some(_) => false,
    };
    named && ported
}
