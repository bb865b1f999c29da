//! The facts of one request for its audit line: caller, target, verdict, rule.

use std::{net::IpAddr, sync::Arc};

use crate::{
    base::{clock::Now, digest::Digest, limits::messages::BATCH_MESSAGES_MAX, names::Scope, text::Text},
    decide::{
        mcp::request::target::Target,
        policy::evaluate::Permit,
        refusal::{Refusal, row::By, told::Told},
        token::caller::Caller,
    },
    observe::{
        audit::{Decision, Verdict, Who},
        metrics::ServerSeries,
        request_id::RequestId,
    },
};

/// The reason for a target of a refused batch that would have been allowed alone.
const BATCH_REFUSED: &str = "batch_refused";
/// The kind of a refusal for scope.
const INSUFFICIENT_SCOPE: &str = "insufficient_scope";

/// The facts of one request. They do not change after the decision.
pub(super) struct Facts {
    pub(super) id: RequestId,
    pub(super) opened: Now,
    pub(super) peer: IpAddr,
    pub(super) server: Option<Arc<ServerSeries>>,
    pub(super) caller: Option<Arc<Caller>>,
    pub(super) method: Option<Text>,
    pub(super) target: Option<Named>,
    /// The targets of the request, if there are several.
    pub(super) parts: SeparateTargets,
    pub(super) verdict: Verdict,
    pub(super) refusal: Option<Refusal>,
    /// What is known besides the refusal.
    pub(super) told: Option<Box<Told>>,
    pub(super) rule: Option<usize>,
    pub(super) reported: Option<Refusal>,
    /// How the answer says that the rules refuse.
    pub(super) denied_as: Option<&'static str>,
    pub(super) ungranted: Option<Box<Ungranted>>,
}

/// What the user of an embedded authorization server did not get.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ungranted {
    /// The issuer.
    pub issuer: Box<str>,
    /// The user.
    pub principal: Digest,
    /// The client that asked.
    pub client: Box<str>,
    /// The scopes that the client asked for, and `grants` do not give to the user.
    pub scopes: Vec<Scope>,
}

/// The kind and name of a target.
pub(super) struct Named {
    kind: &'static str,
    name: Option<Text>,
}

/// The targets of a request, if there are several.
#[derive(Default)]
pub(super) struct SeparateTargets {
    /// At most as many as a batch may have.
    each: Vec<SeparateTarget>,
    total: usize,
}

struct SeparateTarget {
    method: Text,
    target: Target,
    named: Named,
    /// The verdict about this target alone.
    judged: Option<Judged>,
}

/// The rule that decides about one target, and the verdict about this target alone.
pub type Judged = (Option<usize>, Result<Permit, Refusal>);

impl Facts {
    pub(super) fn new(id: RequestId, opened: Now, peer: IpAddr) -> Self {
        Self {
            id,
            opened,
            peer,
            server: None,
            caller: None,
            method: None,
            target: None,
            parts: SeparateTargets::default(),
            verdict: Verdict::Unfinished,
            refusal: None,
            told: None,
            rule: None,
            reported: None,
            denied_as: None,
            ungranted: None,
        }
    }

    /// Calls `tell` with the decision about each target.
    pub(super) fn each_decision(&self, mut tell: impl FnMut(&Decision<'_>)) {
        if self.parts.each.is_empty() {
            let about_scope = self.refusal.as_ref().or(self.reported.as_ref());
            let made = self.refusal.as_ref().filter(|_| self.told.is_none()).map(Told::of);
            let (found, expected) = facts_of(self.told.as_deref().or(made.as_ref()));
            return tell(&Decision {
                index: None,
                method: self.method.as_deref(),
                target: self.target.as_ref().map(Named::shown),
                verdict: self.verdict,
                claim: self.refusal.as_ref().and_then(Refusal::claim),
                found,
                expected,
                rule: self.rule,
                reported: self.reported.as_ref().map(|refusal| refusal.row().reason),
                scopes: self.scopes(about_scope),
                denied_as: self.denied_as,
                ungranted: self.ungranted.as_ref().map_or(&[], |one| &*one.scopes),
                who: self.who(),
            });
        }
        for (index, part) in self.parts.each.iter().enumerate() {
            let verdict = part.judged.as_ref().map(|(_, verdict)| verdict.as_ref());
            let (refused, permit) = (verdict.and_then(Result::err), verdict.and_then(Result::ok));
            let reported = permit.and_then(Permit::reported);
            let made = refused.map(Told::of);
            let (found, expected) = facts_of(made.as_ref());
            let rule = part.judged.as_ref().map_or(self.rule, |(rule, _)| *rule);
            tell(&Decision {
                index: Some((index, self.parts.total)),
                method: (!part.method.is_empty()).then_some(&part.method),
                target: Some(part.named.shown()),
                verdict: self.verdict_of(refused, permit.is_some()),
                claim: refused.and_then(Refusal::claim),
                found,
                expected,
                rule,
                reported: reported.map(|refusal| refusal.row().reason),
                scopes: self.scopes(refused.or(reported)),
                denied_as: self.denied_as,
                ungranted: &[],
                who: self.who(),
            });
        }
    }

    /// Whether there are several targets, each with its own line.
    pub(super) fn is_several(&self) -> bool {
        !self.parts.each.is_empty()
    }

    /// A request is allowed or refused as a whole.
    fn verdict_of(&self, refused: Option<&Refusal>, permitted: bool) -> Verdict {
        let by_policy = self.refusal.as_ref().is_some_and(|refusal| matches!(refusal.row().by, By::Policy(_)));
        match (self.verdict, refused) {
            (Verdict::Refused(_), Some(refusal)) if by_policy => Verdict::Refused(refusal.row().reason),
            (Verdict::Refused(_), None) if by_policy && permitted => Verdict::Refused(BATCH_REFUSED),
            (verdict, _) => verdict,
        }
    }

    fn who(&self) -> Option<Who<'_>> {
        let caller = self.caller.as_deref().map(|caller| Who {
            issuer: caller.issuer(),
            principal: caller.principal(),
            token: caller.token_id(),
            client: caller.client(),
        });
        caller.or_else(|| {
            let one = self.ungranted.as_deref()?;
            Some(Who { issuer: &one.issuer, principal: one.principal.as_str(), token: None, client: Some(&one.client) })
        })
    }

    fn scopes<'a>(&'a self, refusal: Option<&'a Refusal>) -> Option<(&'a [Scope], &'a [Scope])> {
        Some((refusal?.row().needed()?, self.caller.as_deref().map_or(&[][..], Caller::scopes)))
    }
}

/// What came and what was expected, for the audit line. Its scopes have fields of their own.
fn facts_of(told: Option<&Told>) -> (&str, &str) {
    let told = told.filter(|told| told.kind != INSUFFICIENT_SCOPE);
    told.map_or(("", ""), |told| (&told.found, &told.expected))
}

impl SeparateTargets {
    /// The targets in `target`, requested by `method`; empty if there is only one.
    pub(super) fn of(method: &Text, target: &Target) -> Self {
        let mut all = Vec::new();
        let mut add = |target| all.push((method.clone(), target));
        match target {
            Target::Resources(uris) => uris.iter().for_each(|uri| add(Target::Resources(vec![uri.clone()]))),
            Target::Tasks { method, ids, resources } => {
                for id in ids {
                    add(Target::Tasks { method: method.clone(), ids: vec![id.clone()], resources: Vec::new() });
                }
                resources.iter().for_each(|uri| add(Target::Resources(vec![uri.clone()])));
            }
            _ => {}
        }
        Self::together(all)
    }

    /// The targets of a batch, each with its own method; empty if there is only one.
    pub(super) fn together(all: Vec<(Text, Target)>) -> Self {
        let total = all.len();
        if total < 2 {
            return Self::default();
        }
        let part = |(method, target): (Text, Target)| {
            let named = Named::of(&target);
            SeparateTarget { method, target, named, judged: None }
        };
        Self { each: all.into_iter().take(BATCH_MESSAGES_MAX).map(part).collect(), total }
    }

    /// Judges each target alone. A task is left out, because the rules of its tool decide.
    pub(super) fn judge(&mut self, judge: impl Fn(&Target) -> Judged) {
        for part in &mut self.each {
            if !matches!(part.target, Target::Tasks { .. }) {
                part.judged = Some(judge(&part.target));
            }
        }
    }
}

impl Named {
    pub(super) fn of(target: &Target) -> Self {
        let one = |kind, name: &Text| Self { kind, name: Some(name.clone()) };
        let none = |kind| Self { kind, name: None };
        let first = |kind, names: &[Text]| Self { kind, name: names.first().cloned() };
        match target {
            Target::Open => none("open"),
            Target::Tool(name) => one("tool", name),
            Target::Prompt(name) => one("prompt", name),
            Target::Resources(uris) => first("resource", uris),
            Target::Template(template) => one("template", template),
            Target::Method(method) => one("method", method),
            Target::Tasks { ids, .. } => first("task", ids),
            Target::TaskList => none("task_list"),
            Target::Several(parts) => parts.first().map_or_else(|| none("open"), Self::of),
            Target::Stream => none("stream"),
            Target::Path(path) => one("path", path),
            Target::EndSession => none("end_session"),
        }
    }

    fn shown(&self) -> (&'static str, Option<&str>) {
        (self.kind, self.name.as_deref())
    }
}
