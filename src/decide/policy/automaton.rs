//! Runs a pattern as an automaton, and tells whether it covers another pattern.

#[cfg(test)]
mod tests;

/// One step of a pattern. `slash`: whether the wildcard may match `/`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    Char(char),
    One { slash: bool },
    Star { slash: bool },
}

/// Which wildcards may match `/`. `**` always may, and so may `*` if it is the whole pattern.
#[derive(Clone, Copy)]
pub(super) enum Crossing {
    None,
    /// Only `?`.
    One,
    All,
}

/// A pattern as an automaton. Its state is the set of places in the pattern that the text so far
/// leads to.
pub(super) struct Machine {
    steps: Vec<Step>,
}

pub(super) type Places = Vec<usize>;

impl Machine {
    pub(super) fn new(pattern: &str, crossing: Crossing) -> Self {
        let mut steps = Vec::new();
        let mut characters = pattern.chars().peekable();
        while let Some(character) = characters.next() {
            steps.push(match character {
                '?' => Step::One { slash: !matches!(crossing, Crossing::None) },
                '*' => {
                    let mut slash = matches!(crossing, Crossing::All) || pattern == "*";
                    while characters.next_if_eq(&'*').is_some() {
                        slash = true;
                    }
                    Step::Star { slash }
                }
                other => Step::Char(other),
            });
        }
        Self { steps }
    }

    pub(super) fn start(&self) -> Places {
        self.closed(vec![0])
    }

    /// Adds the places after each star, because a star may match nothing.
    fn closed(&self, mut places: Places) -> Places {
        let mut looked_at = 0;
        while let Some(place) = places.get(looked_at).copied() {
            if matches!(self.steps.get(place), Some(Step::Star { .. })) && !places.contains(&(place + 1)) {
                places.push(place + 1);
            }
            looked_at += 1;
        }
        places.sort_unstable();
        places.dedup();
        places
    }

    /// The places after one more character, or after a wildcard of another pattern.
    pub(super) fn after(&self, places: &Places, step: Step) -> Places {
        let takes = |slash: bool| match step {
            Step::Char(character) => slash || character != '/',
            Step::One { slash: wanted } | Step::Star { slash: wanted } => slash || !wanted,
        };
        let is_run = matches!(step, Step::Star { .. });
        let mut next = Vec::new();
        for place in places {
            match self.steps.get(*place) {
                Some(Step::Char(_)) if self.steps.get(*place) == Some(&step) => next.push(place + 1),
                Some(Step::One { slash }) if !is_run && takes(*slash) => next.push(place + 1),
                Some(Step::Star { slash }) if takes(*slash) => next.push(*place),
                _ => {}
            }
        }
        self.closed(next)
    }

    pub(super) fn accepts(&self, places: &Places) -> bool {
        places.contains(&self.steps.len())
    }

    /// Whether this pattern surely matches all that `other` matches: each wildcard of `other` is
    /// matched by a wildcard of this pattern.
    fn covers(&self, other: &Self) -> bool {
        let mut places = self.start();
        for step in &other.steps {
            places = self.after(&places, *step);
            if places.is_empty() {
                return false;
            }
        }
        self.accepts(&places)
    }
}

/// A pattern that can be compared with other patterns.
pub struct Covering {
    machine: Machine,
    /// The text before the first wildcard.
    fixed: String,
}

impl Covering {
    /// Compiles `pattern`. If `crosses`, each wildcard may match `/`.
    #[must_use]
    pub fn new(pattern: &str, crosses: bool) -> Self {
        let crossing = if crosses { Crossing::All } else { Crossing::None };
        let fixed = pattern.split(['*', '?']).next().unwrap_or_default().to_owned();
        Self { machine: Machine::new(pattern, crossing), fixed }
    }

    /// A quick check: false if this pattern surely does not cover `other`.
    #[must_use]
    pub fn begins(&self, other: &Self) -> bool {
        other.fixed.starts_with(&self.fixed)
    }

    /// Whether this pattern surely matches everything that `other` matches. False in doubt.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        self.begins(other) && self.machine.covers(&other.machine)
    }
}
