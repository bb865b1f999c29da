//! Explains a decision step by step; the verdict is that of `judge`.

use std::fmt::Display;

use crate::{
    base::names::Scope,
    decide::{
        json::pointer,
        mcp::{method::LIST_TASKS, request::target::Target},
        policy::{
            claims, email,
            evaluate::{held_by, holds_any, judge, names},
            pattern::Pattern,
            resource::{self, Match},
            rule::{Access, Policy, Rule, Subject},
            template::Template,
            uri::{self, hazard, reading::How},
        },
        refusal::{
            Refusal,
            row::{By, PolicyRefusal},
        },
        token::caller::Attributes,
    },
};

#[cfg(test)]
mod tests;

/// A decision and its reasons. It is not a [`super::evaluate::Permit`]: no request can be sent with
/// it.
#[derive(Clone, Debug, PartialEq)]
pub struct Explanation {
    /// The steps of the decision, in order, one sentence each. They name the caller's scopes, but
    /// never values of claims (P10).
    pub steps: Vec<String>,
    /// The verdict of [`judge`]: the deciding rule, or the refusal.
    pub verdict: Result<Option<usize>, Refusal>,
}

/// Explains a decision. The verdict is that of [`judge`]; the steps only describe it.
#[must_use]
pub fn explain(policy: &Policy, attributes: Attributes<'_>, target: &Target) -> Explanation {
    let verdict = judge(policy, attributes, target);
    let mut story = Story { policy, attributes, steps: Vec::new() };
    story.connecting();
    match &policy.access {
        Access::Authenticated => {
            story.say("Any caller that may connect may use everything here (access: authenticated).");
        }
        Access::Rules(rules) => story.rules(rules, target),
    }
    match &verdict {
        Ok(ruling) => {
            if let Some(refusal) = &ruling.reported {
                story.say(format!("Would refuse, but only reports: {}", sentence(refusal)));
            }
            story.say(match ruling.rule {
                Some(index) => format!("Permitted by rules[{index}]."),
                None => "Permitted.".to_owned(),
            });
        }
        Err(refusal) => story.say(format!("Refused: {}", sentence(refusal))),
    }
    Explanation { steps: story.steps, verdict: verdict.map(|ruling| ruling.rule) }
}

struct Story<'a> {
    policy: &'a Policy,
    attributes: Attributes<'a>,
    steps: Vec<String>,
}

impl Story<'_> {
    fn say(&mut self, step: impl Into<String>) {
        self.steps.push(step.into());
    }

    fn connecting(&mut self) {
        let granted = self.attributes.scopes;
        self.say(if granted.is_empty() {
            "The token has no scope.".to_owned()
        } else {
            format!("The token has scope {}.", list(granted, " "))
        });
        if self.policy.connect.is_empty() {
            self.say("Connecting needs no scope.");
        }
        self.scopes("Connecting", &self.policy.connect);
    }

    fn scopes(&mut self, who: &str, needed: &[Scope]) {
        for scope in needed {
            let how = self.how_held(scope);
            self.say(format!("{who} needs scope {scope}: {how}."));
        }
    }

    fn how_held(&self, scope: &Scope) -> String {
        match held_by(self.policy, self.attributes.scopes, scope) {
            Some(holder) if holder == scope => "held".to_owned(),
            Some(holder) => format!("held, because {holder} implies it"),
            None => "missing".to_owned(),
        }
    }

    fn rules(&mut self, rules: &[Rule], target: &Target) {
        match target {
            Target::Open => self.say("The message touches nothing that a rule could name: connecting is enough."),
            Target::Path(_) => self.say("A path beside the MCP endpoint: `paths` decides."),
            Target::Stream => self.say("The stream of a session: connecting is enough."),
            Target::TaskList => {
                let listing = Target::Method(LIST_TASKS.into());
                if rules.iter().any(|rule| names(&rule.subject, &listing)) {
                    return self.rules(rules, &listing);
                }
                self.say("The caller's own tasks: connecting is enough.");
            }
            Target::Tasks { method, .. } => {
                self.say("A task: the caller that created it may use it as long as that caller may use its tool.");
                self.say(
                    "A task that was not created through the gateway needs a `methods` rule, which decides as well.",
                );
                self.rules(rules, &Target::Method(method.clone()));
            }
            Target::Several(parts) => parts.iter().for_each(|part| self.rules(rules, part)),
            Target::EndSession => self.say("The end of a session: connecting is enough."),
            Target::Tool(name) | Target::Prompt(name) | Target::Method(name) => {
                for (index, rule) in rules.iter().enumerate() {
                    if self.tried(index, rule, name, names(&rule.subject, target)) {
                        return;
                    }
                }
                self.say(format!("No rule is about {name:?}."));
            }
            Target::Resources(uris) => uris.iter().for_each(|uri| self.resource(rules, uri)),
            Target::Template(template) => self.template(rules, template),
        }
    }

    /// Explains each reading of a URI by the rules.
    fn resource(&mut self, rules: &[Rule], uri: &str) {
        let is_everything = |patterns: &[Pattern]| patterns.iter().any(Pattern::is_everything);
        if resource::rules(rules).next().is_some_and(|(_, _, patterns)| is_everything(patterns)) {
            // No other rule applies, whatever a server makes of the URI.
            return self.by_rules(rules, uri, |_, _| Match::Yes, true);
        }
        let (hazard, readings) =
            (hazard::of(uri), if uri::is_plain(uri) { uri::readings(uri) } else { uri::asked(uri) });
        if readings.len() > 1 {
            self.say(format!("Servers can read {uri:?} in {} ways, and each must be permitted.", readings.len()));
        }
        for reading in &readings {
            if reading.how != How::Written {
                self.say(format!("Read {}: {:?}.", reading.how.words(), reading.text));
            }
            let is_needed = reading.how != How::Possible;
            self.by_rules(rules, &reading.text, |rule, of| resource::matches(rule, of, reading, hazard), is_needed);
        }
    }

    fn template(&mut self, rules: &[Rule], template: &str) {
        let read = Template::of(template);
        self.by_rules(rules, template, |rule, patterns| read.meets(rule, patterns), true);
    }

    /// Goes through the rules about resources as `judge` does.
    fn by_rules(&mut self, rules: &[Rule], text: &str, meets: impl Fn(&Rule, &[Pattern]) -> Match, is_needed: bool) {
        let mut is_alike = false;
        for (index, rule) in rules.iter().enumerate() {
            let matched = match &rule.subject {
                Subject::Resources(patterns) => meets(rule, patterns),
                _ => Match::No,
            };
            match matched {
                Match::No if !is_needed => {}
                Match::No => self.say(format!("{} does not match {text:?}.", title(index, rule))),
                Match::Alike | Match::Guards => {
                    let why = "must permit as well: it names the same resource to some server, or an expansion could";
                    self.say(format!("{} {why} ({text:?}).", title(index, rule)));
                    self.conditions(index, rule);
                    is_alike |= matched == Match::Alike;
                }
                Match::Yes => {
                    self.tried(index, rule, text, true);
                    return;
                }
                Match::Unsafe(why) => {
                    self.say(format!("{} cannot judge {text:?}: it has {why}.", title(index, rule)));
                    return;
                }
            }
        }
        if is_needed && !is_alike {
            self.say(format!("No rule is about {text:?}."));
        }
    }

    /// Returns whether the rule decided.
    fn tried(&mut self, index: usize, rule: &Rule, name: &str, matched: bool) -> bool {
        let verb = if matched { "matches" } else { "does not match" };
        self.say(format!("{} {verb} {name:?}.", title(index, rule)));
        if matched {
            self.conditions(index, rule);
        }
        matched
    }

    fn conditions(&mut self, index: usize, rule: &Rule) {
        let who = format!("rules[{index}]");
        if rule.report_only {
            self.say(format!("{who} is report_only: it lets pass what it would refuse."));
        }
        if rule.public {
            self.say(format!("{who} is public: everyone may do this, also without a token."));
            return;
        }
        if rule.deny {
            self.say(format!("{who} denies, whatever the scope."));
            return;
        }
        for (claim, values) in &rule.claims {
            let held_claims = self.attributes.claims;
            let held = match pointer::find(held_claims, claim) {
                Some(value) if claims::matches(value, values) => match email::may_count(held_claims, claim) {
                    true => "it is",
                    false => "it is, but the token says that the address is not verified, so it does not count",
                },
                Some(_) => "it is not",
                None => "the token has no such claim",
            };
            self.say(format!("{who} wants claim {claim} to be one of {}: {held}.", list(values, ", ")));
        }
        self.scopes(&who, &rule.scopes);
        let Some(first) = rule.any_scope.first() else { return };
        for scope in &rule.any_scope {
            let how = self.how_held(scope);
            self.say(format!("{who} needs one of several scopes, such as {scope}: {how}."));
        }
        if !holds_any(self.policy, self.attributes.scopes, &rule.any_scope) {
            self.say(format!("{who} asks for the first of them: {first}."));
        }
    }
}

fn title(index: usize, rule: &Rule) -> String {
    format!("rules[{index}] ({}: {})", rule.subject.key(), rule.subject.patterns().join(", "))
}

fn sentence(refusal: &Refusal) -> String {
    let row = refusal.row();
    match row.by {
        By::Policy(PolicyRefusal::Scope(needed)) => {
            format!("scope is missing; all that this needs is {}.", list(needed, " "))
        }
        By::Policy(PolicyRefusal::Rule(rule)) => format!("rules[{rule}] forbids it, and no scope would help."),
        By::Policy(PolicyRefusal::NoRule) => "no rule matches, and no rule means no.".to_owned(),
        By::Policy(PolicyRefusal::UnsafeUri(why)) => format!("the URI has {why}, so a pattern cannot judge it."),
        By::Gateway | By::Upstream(_) | By::Departure => format!("{}.", row.reason),
    }
}

fn list<T: Display>(items: &[T], separator: &str) -> String {
    items.iter().map(ToString::to_string).collect::<Vec<_>>().join(separator)
}
