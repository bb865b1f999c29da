//! Collects the problems, warnings and files of one run over a configuration file.
//!
//! A run with a problem yields no settings ([`Reading::finish`]). So readers can replace a wrong
//! value by a default and continue; that default is never in force.

use std::{
    cell::RefCell,
    path::{Path, PathBuf},
};

use crate::config::{
    demo_account::DemoAccount,
    environment::Lookup,
    place::Place,
    problem::{self, EntryFiles, Problem, Problems},
};

/// One run over one file: its inputs and what it found so far.
pub(super) struct Reading<'a> {
    file: &'a str,
    /// The folder that relative paths are relative to.
    pub(super) base: &'a Path,
    /// The environment.
    pub(super) lookup: &'a Lookup<'a>,
    /// The demo account of this process.
    pub(super) demo: &'a DemoAccount,
    problems: RefCell<Vec<Problem>>,
    warnings: RefCell<Vec<Problem>>,
    files: RefCell<Vec<PathBuf>>,
    /// Files that are watched elsewhere once the settings are in force.
    elsewhere: RefCell<Vec<PathBuf>>,
    /// Files with API keys and accounts.
    pub(super) entries: RefCell<EntryFiles>,
    #[cfg(test)]
    pub(super) asked: RefCell<std::collections::BTreeMap<&'static str, std::collections::BTreeSet<&'static str>>>,
}

impl<'a> Reading<'a> {
    pub(super) fn new(file: &'a str, base: &'a Path, lookup: &'a Lookup<'a>, demo: &'a DemoAccount) -> Self {
        Self {
            file,
            base,
            lookup,
            demo,
            problems: RefCell::default(),
            warnings: RefCell::default(),
            files: RefCell::default(),
            elsewhere: RefCell::default(),
            entries: RefCell::default(),
            #[cfg(test)]
            asked: RefCell::default(),
        }
    }

    /// Where something is written: `gateway.yaml:41:9`.
    pub(super) fn written_at(&self, place: &Place) -> Box<str> {
        format!("{}:{}:{}", self.file, place.at.line, place.at.column).into()
    }

    /// Records a problem: the file is refused.
    pub(super) fn problem(&self, place: &Place, found: &str, expected: &str) {
        self.problems.borrow_mut().push(self.describe(place, found, expected, None));
    }

    /// Records a problem with a suggestion.
    pub(super) fn problem_near(&self, place: &Place, found: &str, expected: &str, suggestion: Option<String>) {
        self.problems.borrow_mut().push(self.describe(place, found, expected, suggestion));
    }

    /// Records a warning: the file is accepted.
    pub(super) fn warning(&self, place: &Place, found: &str, expected: &str) {
        self.warnings.borrow_mut().push(self.describe(place, found, expected, None));
    }

    /// Records that the settings depend on a file, before it is read: a missing file may come.
    pub(super) fn depends_on(&self, path: &Path) {
        add(&self.files, path);
    }

    /// Records a file that a reload need not follow, except while it has a mistake.
    pub(super) fn looks_into(&self, path: &Path) {
        add(&self.elsewhere, path);
    }

    /// Adds the problems, warnings and files of another run. Returns whether it has no problem.
    pub(super) fn absorb(&self, other: Reading<'_>) -> bool {
        let problems = other.problems.into_inner();
        let is_whole = problems.is_empty();
        self.problems.borrow_mut().extend(problems);
        self.warnings.borrow_mut().extend(other.warnings.into_inner());
        other.files.into_inner().iter().for_each(|file| self.depends_on(file));
        other.elsewhere.into_inner().iter().for_each(|file| self.looks_into(file));
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

    /// The warnings, and the other files that were read.
    pub(super) fn finish(self) -> Result<(Vec<Problem>, Vec<PathBuf>), Problems> {
        let problems = self.problems.into_inner();
        if !problems.is_empty() {
            let files = self.files.into_inner().into_iter().chain(self.elsewhere.into_inner());
            return Err(Problems::new(problems).in_files(files.collect(), self.entries.into_inner()));
        }
        let mut warnings = self.warnings.into_inner();
        problem::sort(&mut warnings);
        Ok((warnings, self.files.into_inner()))
    }
}

fn add(files: &RefCell<Vec<PathBuf>>, path: &Path) {
    let mut files = files.borrow_mut();
    if !files.iter().any(|known| known == path) {
        files.push(path.to_owned());
    }
}
