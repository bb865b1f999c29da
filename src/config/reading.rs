//! Keeps what one run over one file finds out: problems, warnings, and the files it depends on.
//!
//! A run that found a problem yields no settings ([`Reading::finish`]), so readers put a default in the place of what is
//! wrong and go on: nothing that they make up is ever served.

use std::{
    cell::RefCell,
    path::{Path, PathBuf},
};

use crate::config::{
    environment::Lookup,
    place::Place,
    problem::{self, Problem, Problems},
};

/// One run over one file: its surroundings, and what was found out so far.
pub(super) struct Reading<'a> {
    file: &'a str,
    /// The folder that relative paths are relative to.
    pub(super) base: &'a Path,
    /// The environment.
    pub(super) lookup: &'a Lookup<'a>,
    problems: RefCell<Vec<Problem>>,
    warnings: RefCell<Vec<Problem>>,
    files: RefCell<Vec<PathBuf>>,
    #[cfg(test)]
    pub(super) asked: RefCell<std::collections::BTreeMap<&'static str, std::collections::BTreeSet<&'static str>>>,
}

impl<'a> Reading<'a> {
    pub(super) fn new(file: &'a str, base: &'a Path, lookup: &'a Lookup<'a>) -> Self {
        Self {
            file,
            base,
            lookup,
            problems: RefCell::default(),
            warnings: RefCell::default(),
            files: RefCell::default(),
            #[cfg(test)]
            asked: RefCell::default(),
        }
    }

    /// Records what stops the start.
    pub(super) fn problem(&self, place: &Place, found: &str, expected: &str) {
        self.problems.borrow_mut().push(self.describe(place, found, expected, None));
    }

    /// Records a problem whose fix is probably one word away.
    pub(super) fn problem_near(&self, place: &Place, found: &str, expected: &str, suggestion: Option<String>) {
        self.problems.borrow_mut().push(self.describe(place, found, expected, suggestion));
    }

    /// Records what the operator should know and may keep.
    pub(super) fn warning(&self, place: &Place, found: &str, expected: &str) {
        self.warnings.borrow_mut().push(self.describe(place, found, expected, None));
    }

    /// Remembers that the settings depend on a file.
    pub(super) fn depends_on(&self, path: &Path) {
        let mut files = self.files.borrow_mut();
        if !files.iter().any(|known| known == path) {
            files.push(path.to_owned());
        }
    }

    /// Takes over what was found out about another file; whether nothing there stops the start.
    pub(super) fn absorb(&self, other: Reading<'_>) -> bool {
        let problems = other.problems.into_inner();
        let is_whole = problems.is_empty();
        self.problems.borrow_mut().extend(problems);
        self.warnings.borrow_mut().extend(other.warnings.into_inner());
        other.files.into_inner().iter().for_each(|file| self.depends_on(file));
        #[cfg(test)]
        for (section, keys) in other.asked.into_inner() {
            self.asked.borrow_mut().entry(section).or_default().extend(keys);
        }
        is_whole
    }

    fn describe(&self, place: &Place, found: &str, expected: &str, suggestion: Option<String>) -> Problem {
        Problem {
            file: self.file.to_owned(),
            line: place.at.line,
            column: place.at.column,
            key: place.key.clone(),
            found: found.to_owned(),
            expected: expected.to_owned(),
            suggestion,
        }
    }

    /// The warnings, and the files that were read besides the one being read.
    pub(super) fn finish(self) -> Result<(Vec<Problem>, Vec<PathBuf>), Problems> {
        let problems = self.problems.into_inner();
        if !problems.is_empty() {
            return Err(Problems::new(problems));
        }
        let mut warnings = self.warnings.into_inner();
        problem::sort(&mut warnings);
        Ok((warnings, self.files.into_inner()))
    }
}
