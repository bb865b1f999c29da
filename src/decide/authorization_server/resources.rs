//! Decides for which servers a token is: `resource`, and what a request without it means (E-12).

use crate::{
    base::{limits::authorization_server::RESOURCES_ASKED_MAX, names::Scope},
    decide::{
        authorization_server::{
            error::{Code, OAuthError},
            form::Form,
            people::read_scope,
        },
        token::audience::same_server,
    },
};

#[cfg(test)]
mod tests;

/// OpenID Connect Core §11: the client wants a refresh token.
pub const OFFLINE_ACCESS: &str = "offline_access";
/// Scopes that many clients add, whatever the server (OpenID Connect Core §3.1.2.1, §5.4, §11).
const OPENID_SCOPES: [&str; 6] = ["openid", "profile", "email", "address", "phone", OFFLINE_ACCESS];

/// A resource for which tokens can be issued.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Protected {
    /// Its identifier (RFC 8707 `resource`, and `aud`).
    pub resource: Box<str>,
    /// The name of its server in the configuration, for the consent page. A server with two paths
    /// is two resources.
    pub name: Box<str>,
    /// The scopes that the server names: in `scopes`, in its rules and in `scopes_supported`. Empty
    /// if a token without scopes opens all of it that any token opens.
    pub scopes: Vec<Scope>,
    /// The scopes of a request without `scope`.
    pub default_scopes: Vec<Scope>,
    /// Whether it is of the root server.
    pub is_root: bool,
    /// Whether its upstream gets the caller's token (`credential: {forward}`), which it could use
    /// at every other server that the token is for.
    pub passes_token: bool,
}

impl Protected {
    fn names(&self, scopes: &[Scope]) -> bool {
        scopes.iter().any(|scope| self.scopes.contains(scope))
    }
}

/// The resources that an authorization request names, in its order, each once. Without `resource`
/// they follow from its scopes. Never among several servers is one whose upstream gets the token:
/// it could use it at the others (attack 218).
///
/// # Errors
/// `invalid_target`, `invalid_scope`.
pub fn requested<'p>(form: &Form, resources: &'p [Protected]) -> Result<Vec<&'p Protected>, OAuthError> {
    let picked = pick(form, |asked| Ok(resources.iter().find(|one| is_name(&one.resource, asked))))?;
    if !picked.is_empty() {
        apart(&picked)?;
        return Ok(picked);
    }
    let scopes = read_scope(form.get("scope").unwrap_or_default());
    let mut scopes = scopes.map_err(|what| Code::InvalidScope.because(what))?;
    let is_named = |scope: &Scope| resources.iter().any(|one| one.scopes.contains(scope));
    scopes.retain(|scope| scope.as_str() != OFFLINE_ACCESS && (!is_of_openid(scope) || is_named(scope)));
    assumed(&scopes, resources)
}

/// Whether this is a scope of OpenID Connect itself: to a server that does not name it, it says
/// nothing.
#[must_use]
pub fn is_of_openid(scope: &Scope) -> bool {
    OPENID_SCOPES.contains(&scope.as_str())
}

/// The resources of a request without `resource`: those of the only server, else of the root
/// server, else of every server that names one of the scopes. A request for no such scope is for
/// the servers that have none, and one without scopes for all. Scopes that only other servers name
/// are not for the root server.
fn assumed<'p>(scopes: &[Scope], resources: &'p [Protected]) -> Result<Vec<&'p Protected>, OAuthError> {
    let missing = |why: &str| Err(Code::InvalidTarget.because(format!("resource is missing, and {why}")));
    if resources.is_empty() {
        return missing("no server uses this authorization server");
    }
    if is_one_server(resources) {
        return Ok(resources.iter().collect());
    }
    let is_named = resources.iter().any(|one| one.names(scopes));
    let fits = |one: &&Protected| !is_named || one.names(scopes);
    let root: Vec<&Protected> = resources.iter().filter(|one| one.is_root).filter(fits).collect();
    if !root.is_empty() {
        return Ok(root);
    }
    let needs_none = |one: &&Protected| is_named || scopes.is_empty() || one.scopes.is_empty();
    let fitting: Vec<&Protected> = resources.iter().filter(fits).filter(needs_none).collect();
    if fitting.is_empty() {
        return Err(Code::InvalidScope.because("scope has no scope of a server of this authorization server"));
    }
    let safe: Vec<&Protected> = fitting.into_iter().filter(|one| !one.passes_token).collect();
    match safe.len() {
        0 => missing("each server that could be meant passes tokens on"),
        count if count > RESOURCES_ASKED_MAX => missing("too many servers could be meant"),
        _ => Ok(safe),
    }
}

/// The resources of a request without `resource` by a client that acts for itself: those of the
/// only server, else of the root server. No user consents to a token for several servers here, so
/// the request must name them.
///
/// # Errors
/// `invalid_target`.
pub fn of_one_server(resources: &[Protected]) -> Result<Vec<Box<str>>, OAuthError> {
    let is_one = is_one_server(resources);
    let one = resources.iter().filter(|one| is_one || one.is_root).map(|one| one.resource.clone());
    let one: Vec<Box<str>> = one.collect();
    match one.is_empty() {
        false => Ok(one),
        true => {
            Err(Code::InvalidTarget.because("resource is missing, and this authorization server has more than one"))
        }
    }
}

fn is_one_server(resources: &[Protected]) -> bool {
    resources.first().is_some_and(|first| resources.iter().all(|one| one.name == first.name))
}

/// Refuses one token for several servers if the upstream of one of them gets it (attack 218).
fn apart(resources: &[&Protected]) -> Result<(), OAuthError> {
    let is_among = |one: &&&Protected| one.passes_token && resources.iter().any(|other| other.name != one.name);
    match resources.iter().find(is_among) {
        None => Ok(()),
        Some(one) => Err(Code::InvalidTarget.because(format!(
            "{} must be requested alone: its upstream gets the token, and could use it at the other servers",
            one.resource
        ))),
    }
}

/// The part of `granted` that the `resource` of a token request names; without `resource` all of it
/// that may be in one token (SPEC E-22). A name of no server is ignored beside one that was
/// granted: some clients always send the origin as well. A server of `known` that was not granted
/// is refused.
///
/// An earlier release, or another configuration, may have granted a server whose upstream gets the
/// token together with others.
///
/// # Errors
/// `invalid_target`.
pub fn narrow(granted: &[Box<str>], known: &[Protected], form: &Form) -> Result<Vec<Box<str>>, OAuthError> {
    let find = |asked: &str| match granted.iter().find(|one| is_name(one, asked)) {
        None if known.iter().any(|one| is_name(&one.resource, asked)) => {
            Err(Code::InvalidTarget.because("resource was not granted"))
        }
        found => Ok(found),
    };
    let picked: Vec<&Box<str>> = pick(form, find)?;
    let is_asked = !picked.is_empty();
    let mut named: Vec<&Box<str>> = if is_asked { picked } else { granted.iter().collect() };
    let of_named: Vec<&Protected> = known.iter().filter(|one| named.contains(&&one.resource)).collect();
    if let Err(refused) = apart(&of_named) {
        named.retain(|name| !of_named.iter().any(|one| one.passes_token && one.resource == **name));
        if is_asked || named.is_empty() {
            return Err(refused);
        }
    }
    Ok(named.into_iter().cloned().collect())
}

/// The part of `resources` that a token with the scopes `granted` may be for: a server stays if it
/// names one of them. A server that names no scope at all stays if a token without scopes may be
/// for it (`needs_none`).
///
/// What was asked for does not matter: otherwise the caller would choose to ask for no scope of a
/// server, and get in with the scopes of another (attack 219).
#[must_use]
pub fn left(resources: &[Box<str>], known: &[Protected], granted: &[Scope], needs_none: bool) -> Vec<Box<str>> {
    let stays = |one: &Protected| if one.scopes.is_empty() { needs_none } else { one.names(granted) };
    let is_left = |resource: &str| known.iter().any(|one| *one.resource == *resource && stays(one));
    resources.iter().filter(|one| is_left(one)).cloned().collect()
}

/// The results of `find` for each `resource`, each once. Those without a result are ignored if
/// another has one.
fn pick<'r, T: PartialEq + ?Sized>(
    form: &Form,
    find: impl Fn(&str) -> Result<Option<&'r T>, OAuthError>,
) -> Result<Vec<&'r T>, OAuthError> {
    let mut picked: Vec<&T> = Vec::new();
    let mut has_unknown = false;
    for (count, asked) in form.all("resource").enumerate() {
        if count == RESOURCES_ASKED_MAX {
            return Err(Code::InvalidTarget.because("resource appears too often"));
        }
        match find(asked)? {
            Some(one) if picked.contains(&one) => {}
            Some(one) => picked.push(one),
            None => has_unknown = true,
        }
    }
    if has_unknown && picked.is_empty() {
        return Err(
            Code::InvalidTarget.because("resource is not the identifier of a server of this authorization server")
        );
    }
    Ok(picked)
}

/// Whether `asked` is `resource`, perhaps in another spelling: as for the audience of a token, and
/// with or without a slash at its end, since a server has both paths. Some clients send the URL
/// that their user typed, whose query is for the upstream: it names no other server.
fn is_name(resource: &str, asked: &str) -> bool {
    let name = match asked.split_once('?') {
        // RFC 8707 §2: no fragment.
        Some((name, query)) if !query.contains('#') => name,
        _ => asked,
    };
    same_server(resource, name)
}
