//! Finds rules that permit more since `*` in a resource pattern stops at `/`.
//!
//! A star now stops at a slash. What it no longer matches falls to a later rule, which may ask for
//! less.

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

/// A pattern that lets something fall to a rule that asks for less.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Narrowed {
    /// Index of its rule.
    pub rule: usize,
    /// Index among the rule's patterns.
    pub pattern: usize,
    /// A URI that it no longer matches.
    pub example: String,
    /// The rule that decides about it now.
    pub falls_to: usize,
    /// What to write instead.
    pub instead: String,
}

/// States visited for one pattern. Beyond this, a pattern that could be narrowed counts as
/// narrowed.
const STATES_MAX: usize = 2_000;

/// Every pattern of `rules` whose narrower meaning lets more pass. Of `policy` the scopes of
/// connecting and their implications count.
#[must_use]
pub fn find(policy: &Policy, rules: &[Rule]) -> Vec<Narrowed> {
    let mut found = Vec::new();
    for (index, rule, patterns) in resource::rules(rules) {
        // A rule that refuses no request cannot let more pass, and in a denial a star still crosses
        // slashes.
        if rule.deny || rule.report_only || !rule.has_conditions() {
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

/// Whether a pattern has a star that stops at a slash. Where a `?` stops, the rule still guards.
fn is_narrower(pattern: &Pattern) -> bool {
    let is_single = |run: &str| run.len() == 1;
    !pattern.is_everything() && pattern.as_str().split(|character| character != '*').any(is_single)
}

/// Whether all that `later` permits, `earlier` permits as well.
fn is_as_strict(policy: &Policy, later: &Rule, earlier: &Rule) -> bool {
    if later.report_only {
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
        later.claims.iter().any(|(other, fewer)| other == name && fewer.iter().all(|value| values.contains(value)))
    });
    earlier.scopes.iter().all(holds) && holds_any && is_claimed
}

/// The pattern with the meaning that it had.
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

/// A walk through all texts that one pattern matched.
struct Search {
    rule: usize,
    /// As it was.
    pattern: Machine,
    /// What its rule still guards.
    guarded: Machine,
    /// What decided before this rule.
    above: Vec<Machine>,
    /// What decides now, and by which rule.
    now: Vec<(usize, Machine)>,
    alphabet: Vec<char>,
}

impl Search {
    fn new(rules: &[Rule], rule: usize, pattern: &str) -> Self {
        let prefix = |pattern: &str| pattern.split(['*', '?']).next().unwrap_or_default().to_owned();
        let own = prefix(pattern);
        let (mut above, mut now) = (Vec::new(), Vec::new());
        let crossing = |crosses: bool| if crosses { Crossing::All } else { Crossing::None };
        // Where a query may begin, its mark is the better example.
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
        // One character that no pattern names stands for all of those.
        let other = ('a'..='z').chain('\u{100}'..='\u{1000}').find(|character| !alphabet.contains(character));
        alphabet.extend(other);
        let mut seen = HashSet::new();
        alphabet.retain(|character| seen.insert(*character));
        let (guarded, pattern) = (Machine::new(pattern, Crossing::One), Machine::new(pattern, Crossing::All));
        Self { rule, pattern, guarded, above, now, alphabet }
    }

    /// A text that falls from the rule to one of `asks_less`, and to which.
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

    /// The same example with something between two slashes, where that falls as well.
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

    /// Which rule decides now about a text that this rule decided about.
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
