//! Finds scopes that a server needs and that no entry of `grants` can give.

use crate::{
    config::{
        check::sections::Sections,
        embedded::WrittenEmbedded,
        place::Place,
        problem::{nearest, quoted},
        reading::{Reading, WrittenFinding},
        server::WrittenServer,
    },
    decide::policy::{evaluate::covers, glob::Glob, rule::Policy},
};

/// Warns of each scope that no client can get at a server whose tokens the gateway issues itself.
/// An API key may have any scope, so a gateway with keys is not looked at.
pub(super) fn check(reading: &Reading<'_>, sections: &Sections<'_>) {
    if sections.has_api_keys {
        return;
    }
    for server in sections.servers {
        let Some(issuers) = embedded_alone(sections, server) else { continue };
        let Some(settings) = &server.settings else { continue };
        let patterns: Vec<&Glob> = issuers.iter().flat_map(|(_, patterns, _)| *patterns).collect();
        let grants = issuers.iter().find_map(|(_, _, place)| *place);
        for needed in &server.needed {
            let can_be_had = needed.iter().any(|scope| is_grantable(&settings.policy, &patterns, &scope.value));
            let Some(first) = needed.first().filter(|_| !can_be_had) else { continue };
            let known = patterns.iter().filter(|pattern| pattern.is_literal()).map(|pattern| pattern.as_str());
            let found = match needed.as_slice() {
                [only] => format!("{}, a scope that no entry of `grants` gives", quoted(&only.value)),
                _ => "scopes of which no entry of `grants` gives one".to_owned(),
            };
            let finding = WrittenFinding::new(
                &first.place,
                &found,
                "a scope that `grants` gives, or an entry there that gives it",
            )
            .near(nearest(&first.value, known));
            reading.warn(match grants {
                Some(place) => finding.see(place),
                None => finding,
            });
        }
    }
}

type Grants<'s> = (&'s WrittenEmbedded, &'s [Glob], Option<&'s Place>);

/// The embedded authorization servers of `server`; `None` if it has others, or one has a mistake.
fn embedded_alone<'s>(sections: &'s Sections<'_>, server: &WrittenServer) -> Option<Vec<Grants<'s>>> {
    let indexes = &server.settings.as_ref()?.authorization_servers;
    let issuers: Option<Vec<Grants<'s>>> = indexes
        .iter()
        .map(|index| {
            let embedded = sections.issuers.get(*index)?.embedded.as_ref()?;
            embedded.settings.as_ref()?;
            Some((embedded, embedded.granted.as_slice(), embedded.grants.as_ref()))
        })
        .collect();
    issuers.filter(|issuers| !issuers.is_empty())
}

/// Whether a token can have `scope`, or a scope that implies it.
fn is_grantable(policy: &Policy, patterns: &[&Glob], scope: &crate::base::names::Scope) -> bool {
    let gives = |scope: &str| patterns.iter().any(|pattern| pattern.matches(scope));
    let broader: Vec<_> = policy.implies.iter().map(|(scope, _)| scope.clone()).filter(|scope| gives(scope)).collect();
    gives(scope) || covers(policy, &broader, scope)
}
