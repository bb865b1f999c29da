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
    place::{Place, Position},
    problem::{self, EntryFiles, OtherPlace, Problem, Problems},
};

/// What a run found, beside its settings.
pub(super) struct Findings {
    /// What is probably a mistake.
    pub(super) warnings: Vec<Problem>,
    /// What may be meant, and has a consequence that is easily missed.
    pub(super) notes: Vec<Problem>,
    /// The other files that were read.
    pub(super) files: Vec<PathBuf>,
}

/// One finding, before it is known whether it is a problem, a warning or a note.
pub(super) struct WrittenFinding<'p> {
    place: &'p Place,
    found: &'p str,
    expected: &'p str,
    suggestion: Option<String>,
    see: Option<&'p Place>,
}

impl<'p> WrittenFinding<'p> {
    pub(super) fn new(place: &'p Place, found: &'p str, expected: &'p str) -> Self {
        Self { place, found, expected, suggestion: None, see: None }
    }

    /// The word that was probably meant.
    pub(super) fn near(self, suggestion: Option<String>) -> Self {
        Self { suggestion, ..self }
    }

    /// The other place, if two contradict each other.
    pub(super) fn see(self, other: &'p Place) -> Self {
        Self { see: Some(other), ..self }
    }
}

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
    notes: RefCell<Vec<Problem>>,
    /// Places where the text itself is explained: what else is found there follows from it.
    explained: RefCell<Vec<Position>>,
    /// Places where `#` begins a comment in place of a value.
    hidden: RefCell<Vec<Position>>,
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
            notes: RefCell::default(),
            explained: RefCell::default(),
            hidden: RefCell::default(),
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
        self.refuse(WrittenFinding::new(place, found, expected));
    }

    /// Records a problem with a suggestion.
    pub(super) fn problem_near(&self, place: &Place, found: &str, expected: &str, suggestion: Option<String>) {
        self.refuse(WrittenFinding::new(place, found, expected).near(suggestion));
    }

    /// Records a problem of two places that contradict each other.
    pub(super) fn problem_see(&self, place: &Place, found: &str, expected: &str, other: &Place) {
        self.refuse(WrittenFinding::new(place, found, expected).see(other));
    }

    /// Records a problem.
    pub(super) fn refuse(&self, finding: WrittenFinding<'_>) {
        if self.explained.borrow().contains(&finding.place.at) {
            return;
        }
        let is_hidden = finding.found == "nothing" && self.hidden.borrow().contains(&finding.place.at);
        let mut problem = self.describe(finding);
        if is_hidden {
            problem.found.push_str(", because `#` begins a comment here");
            problem.expected.push_str(" (in quotes, if it begins with `#`)");
        }
        self.problems.borrow_mut().push(problem);
    }

    /// Records a problem of the text itself. What readers find at its place follows from it, and is
    /// not reported.
    pub(super) fn explain(&self, at: Position, found: &str, expected: &str) {
        self.problem(&Place::new(at, ""), found, expected);
        self.explained(at);
    }

    /// Nothing is found at this place because `#` begins a comment there.
    pub(super) fn hides(&self, at: Position) {
        self.hidden.borrow_mut().push(at);
    }

    /// What readers find at this place follows from something else that was reported.
    pub(super) fn explained(&self, at: Position) {
        self.explained.borrow_mut().push(at);
    }

    /// Records a warning: the file is accepted.
    pub(super) fn warning(&self, place: &Place, found: &str, expected: &str) {
        self.warn(WrittenFinding::new(place, found, expected));
    }

    /// Records a warning.
    pub(super) fn warn(&self, finding: WrittenFinding<'_>) {
        self.warnings.borrow_mut().push(self.describe(finding));
    }

    /// Records what may be meant, and has a consequence that is easily missed.
    pub(super) fn note(&self, place: &Place, found: &str, expected: &str) {
        self.notes.borrow_mut().push(self.describe(WrittenFinding::new(place, found, expected)));
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
        self.notes.borrow_mut().extend(other.notes.into_inner());
        other.files.into_inner().iter().for_each(|file| self.depends_on(file));
        other.elsewhere.into_inner().iter().for_each(|file| self.looks_into(file));
        #[cfg(test)]
        for (section, keys) in other.asked.into_inner() {
            self.asked.borrow_mut().entry(section).or_default().extend(keys);
        }
        is_whole
    }

    fn describe(&self, WrittenFinding { place, found, expected, suggestion, see }: WrittenFinding<'_>) -> Problem {
        Problem {
            file: self.file.to_owned(),
            line: place.at.line,
            column: place.at.column,
            key: place.key.clone(),
            found: found.to_owned(),
            expected: expected.to_owned(),
            suggestion,
            see: see.map(|Place { at, key }| OtherPlace { line: at.line, column: at.column, key: key.clone() }),
        }
    }

    /// What was found, if the file can be used.
    pub(super) fn finish(self) -> Result<Findings, Problems> {
        let problems = self.problems.into_inner();
        if !problems.is_empty() {
            let files = self.files.into_inner().into_iter().chain(self.elsewhere.into_inner());
            return Err(Problems::new(problems).in_files(files.collect(), self.entries.into_inner()));
        }
        let (mut warnings, mut notes) = (self.warnings.into_inner(), self.notes.into_inner());
        problem::sort(&mut warnings);
        problem::sort(&mut notes);
        Ok(Findings { warnings, notes, files: self.files.into_inner() })
    }
}

fn add(files: &RefCell<Vec<PathBuf>>, path: &Path) {
    let mut files = files.borrow_mut();
    if !files.iter().any(|known| known == path) {
        files.push(path.to_owned());
    }
}
