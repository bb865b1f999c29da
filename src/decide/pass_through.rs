//! Decides which paths beside the MCP endpoint a request may take to a server (`paths:`).
//!
//! The client's own path is forwarded here, so it must mean the same to the gateway and to every
//! server: see [`spelling`].

use http::{Method, uri::PathAndQuery};

use self::{methods::PathMethods, pattern::PathPattern};
use crate::{
    base::text::Text,
    decide::{fields::query, refusal::Refusal},
};

pub mod location;
pub mod methods;
pub mod pattern;
pub mod shared_cache;
pub mod spelling;
#[cfg(test)]
mod tests;

/// Who may use a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PathAccess {
    /// Every client, without a token.
    Public,
    /// A client with a valid token that has the server's `scopes`.
    Authenticated,
}

/// One entry of `paths:`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathEntry {
    /// The paths.
    pub pattern: PathPattern,
    /// Who may use them.
    pub access: PathAccess,
    /// The methods that are passed on.
    pub methods: PathMethods,
}

/// The entries of all servers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PathTable {
    /// Each entry with the number of its server. Patterns of two servers do not overlap.
    entries: Vec<(usize, PathEntry)>,
}

/// What the table says about a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PathMatch<'t> {
    /// The server.
    pub server: usize,
    table: &'t PathTable,
}

/// A path that one entry permits, in every reading. Only [`PathMatch::passed`] makes one, and the
/// upstream takes a client's path in no other form.
///
/// ```compile_fail,E0451
/// use portcullis::decide::pass_through::{PassedPath, PathAccess};
/// let forged = PassedPath { target: "/mcp".parse().unwrap(), access: PathAccess::Public };
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PassedPath {
    target: PathAndQuery,
    access: PathAccess,
}

impl PathTable {
    /// A table of the entries of each server, in the order of the servers.
    #[must_use]
    pub fn new<'e>(servers: impl IntoIterator<Item = &'e [PathEntry]>) -> Self {
        let numbered = |(server, entries): (usize, &'e [PathEntry])| {
            entries.iter().map(move |entry| (server, entry.clone())).collect::<Vec<_>>()
        };
        Self { entries: servers.into_iter().enumerate().flat_map(numbered).collect() }
    }

    /// The server whose patterns match `raw_path`, which is not decoded.
    #[must_use]
    pub fn find(&self, raw_path: &str) -> Option<PathMatch<'_>> {
        let (server, _) = self.entries.iter().find(|(_, entry)| entry.pattern.matches(raw_path))?;
        Some(PathMatch { server: *server, table: self })
    }

    /// The first entry for this method that matches, with its number.
    fn entry(&self, path: &str, method: &Method) -> Option<(usize, &PathEntry)> {
        let mut numbered = self.entries.iter().enumerate();
        numbered
            .find(|(_, (_, entry))| entry.methods.contain(method) && entry.pattern.matches(path))
            .map(|(number, (_, entry))| (number, entry))
    }
}

impl PathMatch<'_> {
    /// The methods that are passed on at `raw_path`, for `Allow`.
    #[must_use]
    pub fn methods(&self, raw_path: &str) -> PathMethods {
        let matching = self.table.entries.iter().filter(|(_, entry)| entry.pattern.matches(raw_path));
        matching.fold(PathMethods::NONE, |all, (_, entry)| all.and(entry.methods))
    }

    /// The entry that `target` and `method` use, for a path that every server reads as the gateway
    /// does. The query is not read, but it must not hold a token (SPEC B-06).
    ///
    /// # Errors
    /// [`Refusal::UnsafePath`] (attack 263), [`Refusal::Method`].
    pub fn passed(&self, target: &PathAndQuery, method: &Method) -> Result<PassedPath, Refusal> {
        query::check_no_token(target.query())?;
        let access = self.access(target.path(), method)?;
        Ok(PassedPath { target: target.clone(), access })
    }

    /// Who may use `raw`, which is not decoded, with `method`.
    ///
    /// # Errors
    /// As [`Self::passed`].
    pub fn access(&self, raw: &str, method: &Method) -> Result<PathAccess, Refusal> {
        let readings = spelling::readings(raw).map_err(Refusal::UnsafePath)?;
        let Some((number, entry)) = self.table.entry(raw, method) else {
            return Err(Refusal::Method(self.methods(raw).allow()));
        };
        let is_same = |reading: &String| self.table.entry(reading, method).is_some_and(|(other, _)| other == number);
        if !readings.iter().all(is_same) {
            return Err(Refusal::UnsafePath("an escape that changes which entry of `paths` decides"));
        }
        Ok(entry.access)
    }
}

impl PassedPath {
    /// Path and query, as the client sent them.
    #[must_use]
    pub fn target(&self) -> &PathAndQuery {
        &self.target
    }

    /// Who may use it.
    #[must_use]
    pub fn access(&self) -> PathAccess {
        self.access
    }

    /// The path, for the audit line.
    #[must_use]
    pub fn name(&self) -> Text {
        Text::from(self.target.path())
    }
}
