//! Reads `access` and `rules`, compiled for `decide::policy`.

use std::cell::RefCell;

use crate::{
    base::names::Scope,
    config::{
        RulePlaces,
        claims::claim_conditions,
        keys::rule::TARGETS,
        place::{Place, Written},
        problem::{quoted, slips},
        reader::{Field, Fields},
        reading::WrittenFinding,
        value,
    },
    decide::{
        mcp::method::{self, METHODS, Method},
        policy::{
            glob::Glob,
            rule::{Access, Policy, Rule, Subject},
        },
    },
};

mod meaning;
mod spelling;
mod unreachable;

/// A scope that a server needs somewhere: one of these is enough.
pub(super) type NeededScope = Vec<Written<Scope>>;

/// `access` or `rules`, exactly one of them (P3).
pub(super) fn access(
    fields: &mut Fields<'_>,
    connect: &[Scope],
    implies: &[(Scope, Vec<Glob>)],
    needed: &RefCell<Vec<NeededScope>>,
) -> Option<(Access, RulePlaces)> {
    fields.exactly_one(&["access", "rules"], |kind, field| match kind {
        "access" if field.scalar_text() == Some("authenticated") => {
            Some((Access::Authenticated, RulePlaces::default()))
        }
        "access" => field.wrong_word(
            "authenticated, or `rules` in place of `access`: only a rule can have `public: true`",
            ["authenticated"],
        ),
        _ => {
            let (rules, places) = rules(&field, needed)?;
            let access = Access::Authenticated;
            let policy = Policy { connect: connect.to_vec(), access, implies: implies.to_vec() };
            spelling::check(field.reading, &policy, &rules, &places);
            meaning::check(field.reading, &rules, &places);
            let items = field.full_list("rules")?;
            let written = items.iter().map(|item| item.reading.written_at(&item.place)).collect();
            Some((Access::Rules(rules), RulePlaces(written)))
        }
    })
}

fn rules(field: &Field<'_>, needed: &RefCell<Vec<NeededScope>>) -> Option<(Vec<Rule>, Vec<Vec<Place>>)> {
    let items = field.full_list("rules")?;
    let mut places = Vec::new();
    let read: Vec<(&Field<'_>, Option<Rule>)> = (items.iter())
        .map(|item| {
            let read = rule(item, needed);
            (item, read.map(|(rule, at)| (rule, places.push(at)).0))
        })
        .collect();
    unreachable::warn(&read);
    let rules: Vec<Rule> = read.into_iter().filter_map(|(_, rule)| rule).collect();
    if !rules.is_empty() && rules.len() == items.len() && rules.iter().all(|rule| rule.deny && !rule.report_only) {
        // SPEC C-03: a deny list does not cover a tool's second name.
        let expected = "at least one rule that allows: no match refuses, so this server answers no call at all";
        field.reading.warning(&field.place, "rules that only deny", expected);
    }
    if rules.len() < items.len() {
        // What is wrong comes first: these would be counted without it.
        places.clear();
    }
    Some((rules, places))
}

/// A rule, and the places of its patterns.
fn rule(field: &Field<'_>, needed: &RefCell<Vec<NeededScope>>) -> Option<(Rule, Vec<Place>)> {
    field.section("servers.*.rules[]", |fields| {
        let subject = fields.exactly_one(TARGETS, |kind, field| subject(kind, &field));
        let scopes = fields.get("scopes");
        let any_scope = fields.get("any_scope");
        let claims = fields.get("claims");
        let report_only = fields.flag("report_only");
        let deny = fields.get("deny");
        let denies = deny.as_ref().and_then(Field::bool).unwrap_or(false);
        let conditions = [&scopes, &any_scope, &claims].into_iter().flatten().count();
        if let Some(deny) = deny.filter(|_| denies && conditions > 0) {
            deny.wrong::<()>("either `deny: true` or `scopes`, `any_scope` and `claims`: a denial has no conditions");
        }
        let is_public = public(fields, denies || report_only, conditions > 0);
        let scopes = scopes.as_ref().map(value::scopes).unwrap_or_default();
        let any_scope = any_scope.map(|field| any_scopes(&field)).unwrap_or_default();
        let alternatives = Some(any_scope.clone()).filter(|scopes| !scopes.is_empty());
        needed.borrow_mut().extend(scopes.iter().map(|scope| vec![scope.clone()]).chain(alternatives));
        let (subject, places) = subject?;
        let rule = Rule {
            scopes: bare(scopes),
            any_scope: bare(any_scope),
            claims: claims.and_then(|field| claim_conditions(&field)).unwrap_or_default(),
            deny: denies,
            report_only,
            public: is_public,
            subject,
        };
        Some((rule, places))
    })
}

/// `public`, which has nothing beside it and is not about methods.
fn public(fields: &mut Fields<'_>, has_other_flag: bool, has_conditions: bool) -> bool {
    let is_about_methods = fields.get("methods").is_some();
    let Some(field) = fields.get("public").filter(|field| field.bool() == Some(true)) else { return false };
    if has_conditions {
        field
            .wrong::<()>("either `public: true` or `scopes`, `any_scope` and `claims`: without a token there are none");
    } else if has_other_flag {
        field.wrong::<()>("`public: true` alone: `deny` and `report_only` say something else");
    } else if is_about_methods {
        field.wrong::<()>("a rule about tools, resources or prompts: other methods need a token");
    }
    true
}

fn bare(scopes: Vec<Written<Scope>>) -> Vec<Scope> {
    scopes.into_iter().map(|scope| scope.value).collect()
}

/// An empty list is refused: it would read as "no condition".
fn any_scopes(field: &Field<'_>) -> Vec<Written<Scope>> {
    if field.is_list() && field.full_list("scopes").is_none() {
        return Vec::new();
    }
    value::scopes(field)
}

fn subject(kind: &str, field: &Field<'_>) -> Option<(Subject, Vec<Place>)> {
    let items = field.full_list("patterns")?;
    let methods = kind == "methods";
    let read = items.iter().filter_map(|item| Some((pattern(item, methods)?, item.place.clone())));
    let (texts, places): (Vec<&str>, Vec<Place>) = read.unzip();
    if kind == "resources" {
        return Some((Subject::resources(texts), places));
    }
    let globs = texts.into_iter().map(Glob::new).collect();
    let subject = match kind {
        "tools" => Subject::Tools(globs),
        "prompts" => Subject::Prompts(globs),
        _ => Subject::Methods(globs),
    };
    Some((subject, places))
}

fn pattern<'f>(field: &Field<'f>, of_methods: bool) -> Option<&'f str> {
    let text = field.text("a pattern: a name, with * for any text and ? for any character")?;
    let elsewhere = method::find(text).filter(|_| of_methods).and_then(Method::decided_by);
    match elsewhere {
        Some(by) => field.wrong(&format!("a method that rules decide; this method is decided by {by}")),
        None => {
            if of_methods && let Some(meant) = method_meant(text) {
                let found = format!("{}, a method of no version of MCP", quoted(text));
                let expected = "a method as a version spells it, or a name that does not look like one";
                field.reading.warn(WrittenFinding::new(&field.place, &found, expected).near(Some(meant.to_owned())));
            }
            if field.is_bare() && text.trim().contains(' ') && !text.contains(':') {
                let found = format!("{}, one pattern with a space in it", quoted(text));
                let expected = "a comma between two patterns, or quotes around one";
                field.reading.warning(&field.place, &found, expected);
            }
            Some(text)
        }
    }
}

/// The method of MCP that `text` misspells by one letter.
fn method_meant(text: &str) -> Option<&'static str> {
    let names = || METHODS.iter().map(|method| method.name);
    if names().any(|name| name == text) {
        return None;
    }
    names().find(|name| slips(text, name) == 1)
}
