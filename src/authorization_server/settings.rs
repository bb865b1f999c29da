//! What an embedded authorization server is configured with; plain data.

use std::{path::PathBuf, time::Duration};

use jsonwebtoken::Algorithm;

use crate::{
    authorization_server::person::accounts::Accounts,
    base::{
        names::{AuthorizationServerName, Issuer, Scope},
        secret::Secret,
    },
    decide::authorization_server::{
        client::Client,
        github::{names::GitHubNames, place::GitHubPlace},
        holders::Holders,
        idp_profile::IdpProfile,
        own_origins::OwnOrigins,
        people::{self, GrantRule, RegisteredBy},
        redirect_scheme::RedirectSchemes,
        refresh_family::RefreshBounds,
        resources::Protected,
    },
    outbound::{keys::KeySource, reach::IssuerReach},
};

/// One embedded authorization server as understood.
#[derive(Clone, Debug, PartialEq)]
pub struct EmbeddedSettings {
    /// Its name in the configuration.
    pub name: AuthorizationServerName,
    /// `public_url` + `path`.
    pub issuer: Issuer,
    /// Its public path.
    pub path: Box<str>,
    /// Where the gateway itself is reached.
    pub own: OwnOrigins,
    /// How users log in.
    pub login: Login,
    /// Which clients need no entry in the configuration.
    pub registration: RegistrationSettings,
    /// The clients that have an entry.
    pub clients: Vec<Client>,
    /// Which users and clients may get which scopes.
    pub grants: Vec<GrantRule>,
    /// The gateway's servers that accept its tokens.
    pub resources: Vec<Protected>,
    /// What each of these servers accepts: the least of their `limits.token`.
    pub token_bytes_max: usize,
    /// Lifetime of an access token.
    pub access_token_ttl: Duration,
    /// Lifetime of an unused refresh token, and of all refresh tokens of one consent together.
    pub refresh_token_ttl: Duration,
    /// How long a refresh token that was just exchanged can be presented again for the same answer.
    pub refresh_grace: Duration,
    /// Whether a refresh after a 403 is refused once, so that the client asks for more scope.
    pub step_up: bool,
    /// Claims of the user that access tokens carry besides `sub`: `groups`, or claims of the IdP.
    pub token_claims: Vec<Box<str>>,
    /// Descriptions of scopes for the consent page.
    pub scope_descriptions: Vec<(Scope, Box<str>)>,
    /// Which store it uses.
    pub store: StoreSettings,
    /// Whether a Redis that evicts live entries is accepted.
    pub allow_eviction: bool,
    /// Keys that seal secrets in the store: the first seals, all open. Empty with the memory store
    /// alone.
    pub seal_keys: Vec<Secret>,
}

impl EmbeddedSettings {
    /// How long its refresh tokens are good for.
    #[must_use]
    pub fn refresh_bounds(&self) -> RefreshBounds {
        RefreshBounds { idle_max: self.refresh_token_ttl, grace: self.refresh_grace }
    }

    /// The claims that count: those that `grants` or `token_claims` name.
    #[must_use]
    pub fn named_claims(&self) -> Vec<Box<str>> {
        let of_tokens = self.token_claims.iter().map(|name| &**name);
        people::named_claims(&self.grants).chain(of_tokens).map(Box::from).collect()
    }

    /// Whose access tokens count.
    #[must_use]
    pub fn holders(&self) -> Holders {
        let accounts = match &self.login {
            Login::Accounts(accounts) => Some(accounts.accounts.iter().map(|one| one.subject().into()).collect()),
            Login::Oidc(_) | Login::GitHub(_) => None,
        };
        let acting = match (self.registration.may_act_alone, &self.registration.dynamic) {
            (false, _) | (_, Dynamic::Off) => None,
            (true, Dynamic::Token(_)) => Some(RegisteredBy::Token),
            (true, Dynamic::Open) => Some(RegisteredBy::Anyone),
        };
        Holders {
            acting,
            accounts,
            clients: self.clients.iter().map(|client| client.id.clone()).collect(),
            refused: self.registration.refused_clients.clone(),
        }
    }

    /// Whether these settings continue the authorization server of `before`: the same issuer with
    /// the same store, the same keys for it, and the same way to log in. Its state then stays.
    #[must_use]
    pub fn continues(&self, before: &Self) -> bool {
        let same_login = match (&before.login, &self.login) {
            (Login::Accounts(_), Login::Accounts(_)) => true,
            (Login::Oidc(before), Login::Oidc(now)) => before.is_same_idp(now),
            (Login::GitHub(before), Login::GitHub(now)) => before.is_same_idp(now),
            _ => false,
        };
        same_login
            && before.name == self.name
            && before.issuer == self.issuer
            && before.store == self.store
            && before.allow_eviction == self.allow_eviction
            && before.seal_keys == self.seal_keys
    }
}

/// `login:`.
#[derive(Clone, Debug, PartialEq)]
pub enum Login {
    /// Local accounts.
    Accounts(Accounts),
    /// The company's OpenID Connect provider.
    Oidc(Box<OidcSettings>),
    /// GitHub, or a GitHub Enterprise Server.
    GitHub(Box<GitHubSettings>),
}

/// GitHub. The embedded server is an OAuth app or a GitHub App there.
#[derive(Clone, Debug, PartialEq)]
pub struct GitHubSettings {
    /// Where it is.
    pub place: GitHubPlace,
    /// The embedded server's client id there.
    pub client_id: Box<str>,
    /// The embedded server's client secret there.
    pub client_secret: Secret,
    /// Users of any of these may sign in; if it is empty, all users may.
    pub admitted: GitHubNames,
    /// What `grants` name besides.
    pub granted: GitHubNames,
    /// Whether `grants` or `token_claims` name the address.
    pub uses_email: bool,
    /// Whether an address counts although this GitHub does not verify addresses.
    pub trust_email: bool,
    /// How it is reached.
    pub reach: IssuerReach,
}

/// The company's IdP. The embedded server is a confidential client there.
#[derive(Clone, Debug, PartialEq)]
pub struct OidcSettings {
    /// Its issuer.
    pub issuer: Issuer,
    /// The embedded server's client id at the IdP.
    pub client_id: Box<str>,
    /// The embedded server's client secret at the IdP.
    pub client_secret: Secret,
    /// How its ID tokens may be signed.
    pub algorithms: Vec<Algorithm>,
    /// Which provider it is.
    pub profile: &'static IdpProfile,
    /// Scopes to request from the IdP; `openid` is always added.
    pub scopes: Vec<Scope>,
    /// Further parameters of the authorization request, those of the profile included.
    pub authorize_parameters: Vec<(Box<str>, Box<str>)>,
    /// How it is reached.
    pub reach: IssuerReach,
    /// Where its keys come from.
    pub jwks: KeySource,
    /// Whether claims are read from the userinfo endpoint as well.
    pub userinfo: bool,
    /// How long claims count after the IdP last sent them.
    pub claims_max_age: Duration,
    /// Whether an address counts of which the IdP does not say whether it is verified.
    pub trust_email: bool,
}

impl Login {
    /// Whether an address counts of which the IdP does not say whether it is verified.
    #[must_use]
    pub fn trusts_email(&self) -> bool {
        match self {
            Self::Accounts(_) => false,
            Self::Oidc(oidc) => oidc.trust_email,
            Self::GitHub(github) => github.trust_email,
        }
    }

    /// Whether users log in with local accounts.
    #[must_use]
    pub fn is_local(&self) -> bool {
        matches!(self, Self::Accounts(_))
    }
}

impl GitHubSettings {
    /// Whether both are the same app of the same GitHub, so that its sessions go on.
    #[must_use]
    pub fn is_same_idp(&self, other: &Self) -> bool {
        self.identity() == other.identity()
    }

    /// The name of this app of this GitHub, for its sessions.
    #[must_use]
    pub fn identity(&self) -> String {
        format!("github {} {}", self.place.web, self.client_id)
    }

    /// The organizations and teams that matter.
    #[must_use]
    pub fn named(&self) -> GitHubNames {
        self.admitted.with(&self.granted)
    }

    /// The scopes that an OAuth app needs. A GitHub App has permissions in their place.
    #[must_use]
    pub fn scopes(&self) -> Vec<&'static str> {
        let organizations = (!self.named().is_empty()).then_some("read:org");
        ["user:email"].into_iter().chain(organizations).collect()
    }
}

impl OidcSettings {
    /// The name of this client of this IdP, for its sessions.
    #[must_use]
    pub fn identity(&self) -> String {
        format!("oidc {} {}", self.issuer, self.client_id)
    }

    /// Whether both are the same client of the same IdP, so that its sessions go on: the same name
    /// and the same client. Where it is reached, by which CA, a rotated secret, what is
    /// asked of it, and which of its claims are trusted do not make it another.
    #[must_use]
    pub fn is_same_idp(&self, other: &Self) -> bool {
        self.issuer == other.issuer && self.client_id == other.client_id
    }

    /// Whether browsers may be sent to its `http` addresses. With `reach_at` alone, `allow_http` is
    /// for the network inside.
    #[must_use]
    pub fn browsers_may_use_http(&self) -> bool {
        self.reach.allow_http && self.issuer.starts_with("http://")
    }

    /// What to do about an IdP that gives no refresh token.
    #[must_use]
    pub fn refresh_token_advice(&self) -> String {
        let asks_offline = self.scopes.iter().any(|scope| scope.as_str() == "offline_access");
        let prompt = self.authorize_parameters.iter().find(|(name, _)| **name == *"prompt");
        let asks_consent = prompt.is_some_and(|(_, value)| value.split(' ').any(|word| word == "consent"));
        self.profile.advice(&self.issuer, asks_offline, asks_consent)
    }

    /// Whether keys and metadata that were fetched for `other` are good for these settings.
    #[must_use]
    pub fn has_same_keys(&self, other: &Self) -> bool {
        self.issuer == other.issuer
            && self.reach == other.reach
            && self.jwks == other.jwks
            && self.algorithms == other.algorithms
    }
}

/// `registration:`.
#[derive(Clone, Debug, PartialEq)]
pub struct RegistrationSettings {
    /// RFC 7591.
    pub dynamic: Dynamic,
    /// Whether registered clients may use `client_credentials`.
    pub may_act_alone: bool,
    /// Which private-use schemes the redirect URIs of clients without an entry may have.
    pub redirect_schemes: RedirectSchemes,
    /// Hosts whose Client ID Metadata Documents are accepted: exact names, `*.example.com`, or `*`;
    /// empty for none.
    pub document_hosts: Vec<Box<str>>,
    /// Clients that are refused although they registered or have an accepted document.
    pub refused_clients: Vec<Box<str>>,
    /// Whether a document may be on loopback: for tests on one machine.
    pub allow_loopback_documents: bool,
}

/// `registration.dynamic:`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Dynamic {
    /// Any client may register.
    Open,
    /// Clients with this initial access token may register.
    Token(Secret),
    /// No client may register.
    Off,
}

/// `store:`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreSettings {
    /// In this process; lost when it ends.
    Memory,
    /// In this file, for one replica.
    File(PathBuf),
    /// In Redis or Valkey, for several replicas. The URL may contain a password.
    Redis(Secret),
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{authorization_server::testing, decide::authorization_server::idp_profile};

    #[test]
    fn a9_a_rotated_secret_or_another_scope_list_is_the_same_idp() {
        let with = |change: fn(&mut OidcSettings)| {
            let mut oidc = OidcSettings {
                algorithms: vec![Algorithm::RS256],
                scopes: vec!["openid".into()],
                ..testing::company_idp("https://idp.example", "gateway", b"one")
            };
            change(&mut oidc);
            EmbeddedSettings { login: Login::Oidc(Box::new(oidc)), ..testing::settings() }
        };
        let before = with(|_| ());
        for (case, after, continues) in [
            ("the same", with(|_| ()), true),
            ("another secret", with(|oidc| oidc.client_secret = Secret::new(b"two".to_vec())), true),
            ("other scopes", with(|oidc| oidc.scopes = vec!["offline_access".into()]), true),
            ("a profile", with(|oidc| oidc.profile = idp_profile::row("google").unwrap()), true),
            ("parameters", with(|oidc| oidc.authorize_parameters = vec![("hd".into(), "corp.example".into())]), true),
            ("userinfo", with(|oidc| oidc.userinfo = true), true),
            ("an age", with(|oidc| oidc.claims_max_age = Duration::ZERO), true),
            ("trust", with(|oidc| oidc.trust_email = true), true),
            ("another way to it", with(|oidc| oidc.reach.allow_http = true), true),
            ("other algorithms", with(|oidc| oidc.algorithms = vec![Algorithm::RS512]), true),
            ("other keys", with(|oidc| oidc.jwks = KeySource::Url("https://keys.example".into())), true),
            ("another issuer", with(|oidc| oidc.issuer = "https://idp.example/".into()), false),
            ("another client", with(|oidc| oidc.client_id = "other".into()), false),
            ("accounts", testing::settings(), false),
        ] {
            assert_eq!(after.continues(&before), continues, "{case}");
        }
    }
}
