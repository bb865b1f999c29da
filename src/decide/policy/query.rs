//! Finds whether a URI has all parameters of a pattern's query, in any order.

use crate::decide::policy::{spelling::Spelling, uri};

/// A pattern with two parameters or more, split at one of its question marks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Query {
    front: Spelling,
    parameters: Box<[Spelling]>,
}

impl Query {
    /// All readings of `pattern`: each `?` before the first `&` may begin the query, and any other
    /// `?` is a wildcard.
    pub(super) fn all_of(pattern: &str) -> Vec<Self> {
        let Some(ends) = pattern.find('&') else { return Vec::new() };
        let splits = pattern.match_indices('?').take_while(|(at, _)| *at < ends);
        let queries = splits.filter_map(|(at, mark)| {
            let (front, query) = pattern.split_at_checked(at)?;
            let parameters = query.strip_prefix(mark)?.split('&').filter(|parameter| !parameter.is_empty());
            let parameters: Box<[Spelling]> = parameters.map(Spelling::new).collect();
            (parameters.len() > 1).then(|| Self { front: Spelling::new(front), parameters })
        });
        queries.collect()
    }

    /// Whether the pattern could match `text` for a server that ignores unknown parameters and the
    /// order of parameters.
    pub(super) fn is_in(&self, text: &str, deny: bool) -> bool {
        let Some((front, _)) = text.split_once('?') else { return false };
        let is_there =
            |wanted: &Spelling| uri::parts::parameters(text).any(|parameter| wanted.matches(parameter, deny));
        self.front.matches(front, deny) && self.parameters.iter().all(is_there)
    }
}
