//! Watches the bytes of an HTTP/1.1 connection and stops any framing that two parsers could read differently (SPEC F-03, F-09).
//!
//! It stands before the HTTP library and passes bytes on or does not; it changes none. What it lets through has one
//! reading: where a head ends, how long its body is, whose host it names.

mod chunk;
mod field;
mod head;
pub(in crate::decide) mod run;
#[cfg(test)]
mod tests;

use self::{
    chunk::Chunk,
    head::{Body, Head},
};
use super::refusal::Refusal;

/// A byte that must not be passed on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Index in this piece of the first byte that must not be passed on.
    pub at: usize,
    /// What is wrong with it.
    pub what: &'static str,
    /// The answer, after which the connection must be closed: [`Refusal::BadRequest`], [`Refusal::HeadersTooLarge`] or
    /// [`Refusal::UriTooLong`].
    pub refusal: Refusal,
}

/// Follows one connection from its first byte.
#[derive(Debug)]
pub struct Framing {
    state: State,
    head: Head,
}

#[derive(Debug)]
enum State {
    Head,
    /// Bytes of a body with `Content-Length` that are still to come; never none.
    Sized(u64),
    Chunked(Chunk),
    Broken(Fault),
}

/// Why a byte is stopped, before its place is known.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Fault {
    what: &'static str,
    refusal: Refusal,
}

impl Fault {
    fn bad(what: &'static str) -> Self {
        Self { what, refusal: Refusal::BadRequest(what) }
    }

    fn large(what: &'static str) -> Self {
        Self { what, refusal: Refusal::HeadersTooLarge }
    }
}

/// How many bytes of a piece are fine, and what is wrong with the next one, where something is.
type Step<T> = Result<T, (usize, Fault)>;

impl Framing {
    /// A connection on which nothing came yet.
    #[must_use]
    pub fn new() -> Self {
        Self { state: State::Head, head: Head::new() }
    }

    /// Looks at the next bytes, in whatever pieces they come.
    ///
    /// # Errors
    /// A [`Violation`]; every later call gives it again, for its first byte.
    pub fn watch(&mut self, bytes: &[u8]) -> Result<(), Violation> {
        let mut rest = bytes;
        while !rest.is_empty() {
            match self.step(rest) {
                Ok(taken) => rest = rest.get(taken..).unwrap_or_default(),
                Err((taken, fault)) => {
                    let at = bytes.len() - rest.len() + taken;
                    let Fault { what, refusal } = fault.clone();
                    self.state = State::Broken(fault);
                    return Err(Violation { at, what, refusal });
                }
            }
        }
        Ok(())
    }

    /// Takes bytes of `rest`, which has one, or moves to the state that will.
    fn step(&mut self, rest: &[u8]) -> Step<usize> {
        match &mut self.state {
            State::Head => {
                let (taken, ended) = self.head.take(rest)?;
                if let Some(body) = ended {
                    self.state = match body {
                        Body::None | Body::Sized(0) => State::Head,
                        Body::Sized(bytes) => State::Sized(bytes),
                        Body::Chunked => State::Chunked(Chunk::new()),
                    };
                    self.head.reset();
                }
                Ok(taken)
            }
            State::Sized(left) => {
                let taken = usize::try_from(*left).unwrap_or(usize::MAX).min(rest.len());
                *left = left.saturating_sub(taken as u64);
                if *left == 0 {
                    self.state = State::Head;
                }
                Ok(taken)
            }
            State::Chunked(chunk) => {
                let (taken, ended) = chunk.take(rest, self.head.fields())?;
                if ended {
                    self.head.reset();
                    self.state = State::Head;
                }
                Ok(taken)
            }
            State::Broken(fault) => Err((0, fault.clone())),
        }
    }
}

impl Default for Framing {
    fn default() -> Self {
        Self::new()
    }
}
