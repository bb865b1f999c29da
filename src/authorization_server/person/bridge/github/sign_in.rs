//! Reads GitHub's answer to a sign-in.

use super::{GitHubBridge, api::Known, token::GitHubRefused};
use crate::{
    authorization_server::person::bridge::{
        health::SignInStep,
        session::IdpSession,
        sign_in::{IdpAnswer, IdpSignIn, LoginFault, logged_error, refuses_the_gateway},
    },
    base::limits::fetch::FETCH_TIMEOUT,
    decide::authorization_server::{
        error::Code,
        github::token::{GitHubTokens, classify},
        idp_refusal::IdpRefusal,
        people::Person,
    },
};
use http::StatusCode;

impl GitHubBridge {
    /// The user of GitHub's answer.
    ///
    /// # Errors
    /// Why no user is logged in.
    pub(in crate::authorization_server::person::bridge) async fn arrived(
        &self,
        answer: &IdpAnswer<'_>,
    ) -> Result<IdpSignIn, LoginFault> {
        let form = answer.form;
        // Mix-up attack: `iss` names another IdP (RFC 9207 §2.4). Not every release of GitHub
        // Enterprise Server sends it.
        if form.get("iss").is_some_and(|issuer| issuer != self.link().settings.place.issuer()) {
            return Err(Code::InvalidRequest.because("the answer does not come from the identity provider").into());
        }
        if let Some(error) = form.get("error") {
            return Err(self.not_signed_in(&logged_error(error), answer));
        }
        let code = form.get("code").ok_or_else(|| Code::AccessDenied.because("the identity provider sent no code"))?;
        let parameters =
            [("code", code), ("redirect_uri", answer.callback), ("code_verifier", &*answer.expected.verifier)];
        let tokens = self.exchange(&parameters, None, FETCH_TIMEOUT).await.map_err(|refused| match refused {
            GitHubRefused::Over => denied("the identity provider refused the code that it had just issued"),
            GitHubRefused::Unverified => on_page("the primary address of this user is not verified: verify the primary address at GitHub, then begin again"),
            GitHubRefused::Gateway(error) => LoginFault::ForAdministrator(error),
            GitHubRefused::Unavailable(error) => LoginFault::ToClient(error),
        })?;
        let link = self.link();
        // The user can take scopes out of the address. The operator need not act.
        if let Some(missing) = link.settings.scopes().into_iter().find(|scope| !tokens.may(scope)) {
            tracing::info!(scope = missing, "GitHub granted less than the gateway asked for");
            return Err(denied(
                "GitHub granted less than this sign-in needs: begin again, and do not change the address of GitHub's page",
            ));
        }
        let person = match self.user_of(&tokens.access_token).await? {
            Known::User(person) => person,
            Known::NotAdmitted(person) => return Err(self.not_admitted(&person)),
            Known::Refused | Known::Over => {
                return Err(on_page(
                    "GitHub does not accept the token that it has just issued: begin again in a minute; if that does not help, GitHub may have suspended this user",
                ));
            }
            Known::Forbidden => {
                return Err(on_page(
                    "GitHub does not say to which organizations this user belongs: begin a session of your organization's single sign-on at GitHub, revoke this application there, and sign in again; if that does not help, the administrator finds the reason in the log",
                ));
            }
        };
        self.health.signed_in();
        let session = session(tokens, person.clone(), link.settings.identity(), answer.now.wall.as_secs());
        Ok(IdpSignIn { person, session: Some(session) })
    }

    /// What an error of GitHub in the browser's answer means. Anyone can write it into the address
    /// of a browser, so GitHub is asked as well.
    fn not_signed_in(&self, error: &str, answer: &IdpAnswer<'_>) -> LoginFault {
        if classify(StatusCode::OK, error) == IdpRefusal::Gateway {
            self.suspect();
            self.health.count_refused();
            let advice = self.health.advice(error);
            tracing::warn!(error, advice, "GitHub refuses a sign-in of the gateway");
            // The browser may have made it up.
            let why = format!("login.github: no user can sign in: GitHub answers {error}: {advice}");
            self.health.failed(SignInStep::Authorization, answer.seen_by, why);
            return LoginFault::ForAdministrator(refuses_the_gateway());
        }
        denied("the identity provider did not log the user in")
    }

    fn not_admitted(&self, person: &Person) -> LoginFault {
        tracing::warn!(
            target: "portcullis::authorization_server", event = "login", outcome = "refused", user = %person.name, subject = %person.subject,
            "GitHub shows this user in none of login.github.organizations and login.github.teams; if the user is in one, check that the organization has approved the app, that its name has not changed, and that the user has begun a session of its single sign-on"
        );
        let name = person.name.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'));
        let name: String = name.collect();
        LoginFault::OnPage(Code::AccessDenied.because(format!(
            "GitHub shows {name} in none of the organizations and teams that may sign in here; to use another account, sign out at GitHub first"
        )))
    }
}

/// The session of tokens that GitHub issued.
fn session(tokens: GitHubTokens, person: Person, identity: String, now: u64) -> IdpSession {
    let is_access_token = tokens.refresh_token.is_none();
    IdpSession {
        person,
        refresh_token: tokens.refresh_token.unwrap_or(tokens.access_token),
        is_access_token,
        idp: Some(identity.into()),
        claims_at: Some(now),
        has_no_claims: false,
    }
}

fn denied(why: &'static str) -> LoginFault {
    LoginFault::ToClient(Code::AccessDenied.because(why))
}

fn on_page(why: &'static str) -> LoginFault {
    LoginFault::OnPage(Code::AccessDenied.because(why))
}
