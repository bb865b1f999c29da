//! Removes and replaces parts of a text.

use std::borrow::Cow;

use bytes::Bytes;

/// Changes to one text; they do not overlap.
#[derive(Default)]
pub(super) struct Cuts(Vec<Cut>);

struct Cut {
    start: usize,
    end: usize,
    with: Cow<'static, str>,
}

impl Cuts {
    /// Removes a part.
    pub(super) fn remove(&mut self, start: usize, end: usize) {
        match self.0.last_mut() {
            Some(last) if last.end == start && last.with.is_empty() => last.end = end,
            _ => self.replace(start, end, ""),
        }
    }

    /// Replaces a part by `with`.
    pub(super) fn replace(&mut self, start: usize, end: usize, with: impl Into<Cow<'static, str>>) {
        self.0.push(Cut { start, end, with: with.into() });
    }

    /// The text with all changes made; without changes, the same bytes.
    pub(super) fn apply(mut self, text: &Bytes) -> Bytes {
        if self.0.is_empty() {
            return text.clone();
        }
        self.0.sort_unstable_by_key(|cut| cut.start);
        let mut kept = Vec::with_capacity(text.len() + self.0.iter().map(|cut| cut.with.len()).sum::<usize>());
        let mut from = 0;
        for cut in &self.0 {
            kept.extend_from_slice(text.get(from..cut.start).unwrap_or_default());
            kept.extend_from_slice(cut.with.as_bytes());
            from = cut.end;
        }
        kept.extend_from_slice(text.get(from..).unwrap_or_default());
        Bytes::from(kept)
    }
}
