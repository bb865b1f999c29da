//! Finds rules that permit more since `*` in a resource pattern stops at `/`.
//!
//! A text that the star no longer matches falls to a later rule, which may need less.

use std::collections::{HashSet, VecDeque};

use crate::{
    base::names::Scope,
    decide::policy::{
        automaton::{Crossing, Machine, Places, Step},
        evaluate::covers,
        pattern::Pattern,
        resource,
        rule::{Policy, Rule},
    },
};

#[cfg(test)]
mod tests;

/// A pattern that lets a text fall to a rule that needs less.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Narrowed {
    /// Index of its rule.
    pub rule: usize,
    /// Index among the rule's patterns.
    pub pattern: usize,
    /// A URI that the pattern no longer matches.
    pub example: String,
    /// The rule that decides about that URI now.
    pub falls_to: usize,
    /// The pattern to write instead.
    pub instead: String,
}

/// States visited for one pattern. Above this number, a pattern that could be narrowed counts as
/// narrowed.
const STATES_MAX: usize = 2_000;

/// Finds every pattern of `rules` whose narrower meaning permits more. Of `policy`, only the scopes
/// for connecting and `scope_implies` are used.
#[must_use]
pub fn find(policy: &Policy, rules: &[Rule]) -> Vec<Narrowed> {
    let mut found = Vec::new();
    for (index, rule, patterns) in resource::rules(rules) {
        // A rule that refuses no request cannot let more pass, and in a `deny` rule a star still
        // matches slashes.
        if rule.deny || rule.report_only || rule.public {
            continue;
        }
        let asks_less: Vec<usize> = resource::rules(rules)
            .filter(|(later, other, _)| *later > index && !is_as_strict(policy, other, rule))
            .map(|(later, ..)| later)
            .collect();
        if asks_less.is_empty() {
            continue;
        }
        for (at, pattern) in patterns.iter().enumerate().filter(|(_, pattern)| is_narrower(pattern)) {
            let falls = pattern.spellings().find_map(|text| {
                let (example, falls_to) = Search::new(rules, index, text).run(&asks_less)?;
                Some((instead(text), example, falls_to))
            });
            if let Some((instead, example, falls_to)) = falls {
                found.push(Narrowed { rule: index, pattern: at, example, falls_to, instead });
            }
        }
    }
    found
}

/// Whether the pattern has a star that stops at a slash. A `?` does not count: the rule still
/// guards texts with a slash there.
fn is_narrower(pattern: &Pattern) -> bool {
    let is_single = |run: &str| run.len() == 1;
    !pattern.is_everything() && pattern.as_str().split(|character| character != '*').any(is_single)
}

/// Whether `earlier` permits everything that `later` permits.
fn is_as_strict(policy: &Policy, later: &Rule, earlier: &Rule) -> bool {
    if later.report_only || (later.public && !earlier.public) {
        return false;
    }
    if later.deny {
        return true;
    }
    let granted: Vec<Scope> = later.scopes.iter().chain(&policy.connect).cloned().collect();
    let holds = |scope: &Scope| covers(policy, &granted, scope);
    let any = &earlier.any_scope;
    let is_one_of = |scope: &Scope| any.iter().any(|one| covers(policy, std::slice::from_ref(scope), one));
    let holds_any = any.is_empty()
        || any.iter().any(holds)
        || (!later.any_scope.is_empty() && later.any_scope.iter().all(is_one_of));
    let is_claimed = earlier.claims.iter().all(|(name, values)| {
        later
            .claims
            .iter()
            .any(|(other, fewer)| other == name && fewer.iter().all(|value| values.iter().any(|one| one.covers(value))))
    });
    earlier.scopes.iter().all(holds) && holds_any && is_claimed
}

/// The pattern that keeps the old meaning.
fn instead(pattern: &str) -> String {
    let mut doubled = String::with_capacity(pattern.len() + 4);
    let mut characters = pattern.chars().peekable();
    while let Some(character) = characters.next() {
        doubled.push(character);
        if character == '*' {
            doubled.push('*');
            while characters.next_if_eq(&'*').is_some() {}
        }
    }
    doubled
}

/// A search through all texts that one pattern matched before.
struct Search {
    rule: usize,
    /// The pattern with its old meaning.
    pattern: Machine,
    /// The texts that its rule still guards.
    guarded: Machine,
    /// The patterns of earlier rules, with their old meaning.
    above: Vec<Machine>,
    /// The patterns that decide now, each with its rule.
    now: Vec<(usize, Machine)>,
    alphabet: Vec<char>,
}

impl Search {
    fn new(rules: &[Rule], rule: usize, pattern: &str) -> Self {
        let prefix = |pattern: &str| pattern.split(['*', '?']).next().unwrap_or_default().to_owned();
        let own = prefix(pattern);
        let (mut above, mut now) = (Vec::new(), Vec::new());
        let crossing = |crosses: bool| if crosses { Crossing::All } else { Crossing::None };
        // If the pattern may match a query, an example with `?` is clearer.
        let mut alphabet = if pattern.contains('?') { vec!['?', 'x', '/'] } else { vec!['x', '/'] };
        for (index, other, patterns) in resource::rules(rules) {
            for text in patterns.iter().flat_map(Pattern::spellings) {
                let fixed = prefix(text);
                if !fixed.starts_with(&own) && !own.starts_with(&fixed) {
                    continue;
                }
                alphabet.extend(text.chars().filter(|character| !matches!(character, '*' | '?')));
                now.push((index, Machine::new(text, crossing(other.deny))));
                if index < rule {
                    above.push(Machine::new(text, Crossing::All));
                }
            }
        }
        // One character that no pattern names represents all such characters.
        let other = ('a'..='z').chain('\u{100}'..='\u{1000}').find(|character| !alphabet.contains(character));
        alphabet.extend(other);
        let mut seen = HashSet::new();
        alphabet.retain(|character| seen.insert(*character));
        let (guarded, pattern) = (Machine::new(pattern, Crossing::One), Machine::new(pattern, Crossing::All));
        Self { rule, pattern, guarded, above, now, alphabet }
    }

    /// A text that falls from this rule to a rule of `asks_less`, and that rule.
    fn run(&self, asks_less: &[usize]) -> Option<(String, usize)> {
        let start = self.start();
        let mut known = HashSet::from([start.clone()]);
        let mut waiting = VecDeque::from([(start, String::new())]);
        while let Some((state, text)) = waiting.pop_front() {
            if let Some(falls_to) = self.falls_to(&state).filter(|to| asks_less.contains(to)) {
                return Some((self.like_a_uri(&text, falls_to).unwrap_or(text), falls_to));
            }
            for character in &self.alphabet {
                let next = self.after(&state, *character);
                if next.first().is_none_or(Vec::is_empty) || known.contains(&next) {
                    continue;
                }
                if known.len() >= STATES_MAX {
                    let falls_to = self.now.iter().map(|(rule, _)| *rule).find(|rule| asks_less.contains(rule));
                    return falls_to.map(|rule| (text, rule));
                }
                known.insert(next.clone());
                waiting.push_back((next, format!("{text}{character}")));
            }
        }
        None
    }

    fn machines(&self) -> impl Iterator<Item = &Machine> {
        let now = self.now.iter().map(|(_, machine)| machine);
        [&self.pattern, &self.guarded].into_iter().chain(&self.above).chain(now)
    }

    fn start(&self) -> Vec<Places> {
        self.machines().map(Machine::start).collect()
    }

    fn after(&self, state: &[Places], character: char) -> Vec<Places> {
        self.machines().zip(state).map(|(machine, places)| machine.after(places, Step::Char(character))).collect()
    }

    /// The example with a name between two slashes, if that text falls as well.
    fn like_a_uri(&self, text: &str, falls_to: usize) -> Option<String> {
        let (scheme, mut rest) = match text.split_once(":///") {
            Some((scheme, rest)) => (format!("{scheme}:///"), rest.to_owned()),
            None => (String::new(), text.to_owned()),
        };
        while rest.contains("//") {
            rest = rest.replace("//", "/x/");
        }
        let falls = |text: &String| {
            let state = text.chars().fold(self.start(), |state, character| self.after(&state, character));
            self.falls_to(&state) == Some(falls_to)
        };
        [format!("{scheme}{rest}x"), format!("{scheme}{rest}")].into_iter().find(falls)
    }

    /// The rule that decides now about a text that this rule decided about before.
    fn falls_to(&self, state: &[Places]) -> Option<usize> {
        let mut state = state.iter();
        let was_ours = state.next().is_some_and(|places| self.pattern.accepts(places));
        let is_guarded = state.next().is_some_and(|places| self.guarded.accepts(places));
        let was_above = self.above.iter().zip(state.by_ref()).any(|(machine, places)| machine.accepts(places));
        if !was_ours || was_above || is_guarded {
            return None;
        }
        let deciding = self.now.iter().zip(state).find(|((_, machine), places)| machine.accepts(places));
        deciding.map(|((rule, _), _)| *rule).filter(|rule| *rule > self.rule)
    }
}
