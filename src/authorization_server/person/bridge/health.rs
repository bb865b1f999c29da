//! What the company IdP answered so far, for the operator: figures, and what must be done.

use std::{
    collections::BTreeMap,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use http::StatusCode;

use crate::decide::authorization_server::{
    idp_failures::{FailuresInARow, SeenBy},
    idp_refusal::{IdpRefusal, UnclearRefusals},
};

/// How long a remark is shown after it was made last.
const REMARK_AGE: Duration = Duration::from_secs(3600);

/// How often the gateway asks the authorization endpoint whether it answers as a browser says.
const PROOF_EVERY: Duration = Duration::from_secs(10);

/// How long it counts that it does not.
const DISPROOF_COUNTS: Duration = Duration::from_secs(60);

/// Exchanges at the IdP's token endpoint since the start, by result.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct IdpFigures {
    /// The IdP granted tokens.
    pub granted: u64,
    /// The session was over, or the code refused.
    pub over: u64,
    /// The IdP refused the gateway, or signed its ID token in a way that is not allowed.
    pub refused: u64,
    /// The IdP could not be asked.
    pub unavailable: u64,
}

impl IdpFigures {
    /// Each result by its label.
    #[must_use]
    pub fn by_result(&self) -> [(&'static str, u64); 4] {
        [("granted", self.granted), ("over", self.over), ("refused", self.refused), ("unavailable", self.unavailable)]
    }
}

/// The record of exchanges.
pub(crate) struct IdpHealth {
    /// The section of the configuration that advice names.
    section: &'static str,
    granted: AtomicU64,
    over: AtomicU64,
    refused: AtomicU64,
    unavailable: AtomicU64,
    judged: Mutex<Judged>,
    sends_no_auth_time: AtomicBool,
}

#[derive(Default)]
struct Judged {
    unclear: UnclearRefusals,
    /// Why the IdP refuses the gateway, and what to do.
    trouble: Option<String>,
    /// Why the IdP's answers do not say who a user is, and what to do.
    not_believed: Option<String>,
    /// Failures of each step, and what the operator is told of them.
    failing: [Failing; 3],
    /// When the gateway asked the authorization endpoint itself, on the monotonic clock.
    asked_for_proof: Option<Duration>,
    /// When it was seen last that the authorization endpoint does not answer as browsers said.
    disproved: Option<Duration>,
    /// What concerns some users only, by topic, each with the time when it was seen last.
    remarks: BTreeMap<&'static str, (String, Duration)>,
}

/// A step of a sign-in that may fail for every user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SignInStep {
    /// The IdP answers the browser with an error.
    Authorization,
    /// The IdP refuses the code.
    Code,
    /// The token endpoint does not answer as it should.
    Token,
}

#[derive(Default)]
struct Failing {
    in_a_row: FailuresInARow,
    told: Option<String>,
}

impl IdpHealth {
    /// Of the IdP of this section of the configuration.
    pub(super) fn new(section: &'static str) -> Self {
        let [granted, over, refused, unavailable] = [const { AtomicU64::new(0) }; 4];
        Self {
            section,
            granted,
            over,
            refused,
            unavailable,
            judged: Mutex::default(),
            sends_no_auth_time: AtomicBool::new(false),
        }
    }

    /// The IdP granted tokens, and they can be used.
    pub(crate) fn granted(&self) {
        self.granted.fetch_add(1, Ordering::Relaxed);
        self.known();
    }

    /// The IdP granted tokens to the gateway. Whether they can be used, and are counted as granted,
    /// is still to be seen.
    pub(crate) fn answered(&self) {
        self.known();
        self.judged().failing_at(SignInStep::Token).succeeded();
    }

    /// The IdP could not be asked.
    pub(crate) fn unavailable(&self) {
        self.unavailable.fetch_add(1, Ordering::Relaxed);
    }

    /// Whom a refusal is about; never [`IdpRefusal::Unclear`]. Without a `user` it is that of a
    /// code: an unclear one is about the gateway, because the code came from the IdP just now.
    pub(crate) fn refused(
        &self,
        about: IdpRefusal,
        (status, error): (StatusCode, &str),
        user: Option<&str>,
        mono: Duration,
    ) -> IdpRefusal {
        let about = match (about, user) {
            (IdpRefusal::Unclear, Some(user)) => self.judged().unclear.refused(error, user, mono),
            (IdpRefusal::Unclear, None) => IdpRefusal::Gateway,
            (IdpRefusal::Session, Some(_)) => {
                self.known();
                IdpRefusal::Session
            }
            (about, _) => about,
        };
        let count = match about {
            IdpRefusal::Session => &self.over,
            IdpRefusal::Gateway => &self.refused,
            IdpRefusal::Unclear | IdpRefusal::Moment => &self.unavailable,
        };
        count.fetch_add(1, Ordering::Relaxed);
        if about == IdpRefusal::Gateway {
            self.report(status, error);
        }
        about
    }

    /// A sign-in or a refresh has failed. Told to the operator if it is one of several in a row,
    /// until the next that succeeds.
    pub(crate) fn failed(&self, step: SignInStep, seen_by: SeenBy, why: String) {
        let mut judged = self.judged();
        let failing = judged.failing_at(step);
        if failing.in_a_row.failed(seen_by) {
            failing.tell(why);
        }
    }

    /// Whether the gateway should ask the authorization endpoint itself: not more often than every
    /// [`PROOF_EVERY`], because any browser can cause it.
    pub(crate) fn wants_proof(&self, mono: Duration) -> bool {
        let mut judged = self.judged();
        let is_due = judged.asked_for_proof.is_none_or(|before| mono.saturating_sub(before) >= PROOF_EVERY);
        if is_due {
            judged.asked_for_proof = Some(mono);
        }
        is_due
    }

    /// The gateway has seen itself that the authorization endpoint does not answer as a browser
    /// says.
    pub(crate) fn disproved(&self, mono: Duration) {
        let mut judged = self.judged();
        judged.disproved = Some(mono);
        judged.failing_at(SignInStep::Authorization).succeeded();
    }

    /// As [`Self::failed`] at the authorization endpoint, unless the gateway has just seen that it
    /// does not answer so.
    pub(crate) fn failed_unless_disproved(&self, seen_by: SeenBy, why: String, mono: Duration) {
        let disproved = self.judged().disproved;
        if disproved.is_none_or(|at| mono.saturating_sub(at) >= DISPROOF_COUNTS) {
            self.failed(SignInStep::Authorization, seen_by, why);
        }
    }

    /// The gateway has seen itself that the authorization endpoint answers so.
    pub(crate) fn proved(&self, why: String) {
        self.judged().failing_at(SignInStep::Authorization).tell(why);
    }

    /// The IdP refuses what the browser brings from the gateway, or its answer is not to the
    /// gateway's question.
    pub(crate) fn count_refused(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed);
    }

    /// A user has signed in.
    pub(crate) fn signed_in(&self) {
        let mut judged = self.judged();
        for failing in &mut judged.failing {
            failing.succeeded();
        }
    }

    /// What the operator must do, while the IdP refuses the gateway, or its answers do not say who
    /// a user is, or sign-ins fail one after the other.
    pub(crate) fn troubles(&self) -> Vec<String> {
        let judged = self.judged();
        let failing = judged.failing.iter().filter_map(|failing| failing.told.as_ref());
        judged.trouble.iter().chain(&judged.not_believed).chain(failing).cloned().collect()
    }

    /// The IdP's answers do not say who a user is, and the operator must act: ID tokens are signed
    /// in a way that is not allowed, or the IdP says too little. Logged when it begins or
    /// changes.
    pub(crate) fn not_believed(&self, why: String) {
        self.refused.fetch_add(1, Ordering::Relaxed);
        let mut judged = self.judged();
        if judged.not_believed.as_ref() != Some(&why) {
            tracing::error!("{why}; no user can sign in until then");
            judged.not_believed = Some(why);
        }
    }

    /// An answer about one user cannot be used, and the operator must act. Answers about other
    /// users do not show that this has ended.
    pub(crate) fn unusable_for_one(&self, topic: &'static str, why: String, mono: Duration) {
        self.refused.fetch_add(1, Ordering::Relaxed);
        self.remark(topic, why, mono);
    }

    /// What the operator must know although users can sign in. Logged when it begins or changes;
    /// shown for [`REMARK_AGE`], or until it is [settled](Self::settled).
    pub(crate) fn remark(&self, topic: &'static str, what: String, mono: Duration) {
        let mut judged = self.judged();
        if judged.remarks.get(topic).is_none_or(|(before, _)| *before != what) {
            tracing::error!("{what}");
        }
        judged.remarks.insert(topic, (what, mono));
    }

    /// The remark with this topic no longer holds.
    pub(crate) fn settled(&self, topic: &'static str) {
        if self.judged().remarks.remove(topic).is_some() {
            tracing::info!(topic, "a trouble with the company IdP that was reported has ended");
        }
    }

    /// What the operator must know although users can sign in.
    pub(crate) fn remarks(&self, mono: Duration) -> Vec<String> {
        let mut judged = self.judged();
        judged.remarks.retain(|_, (_, seen)| mono.saturating_sub(*seen) < REMARK_AGE);
        judged.remarks.values().map(|(what, _)| what.clone()).collect()
    }

    /// An answer said who the user is.
    pub(crate) fn believed(&self) {
        if self.judged().not_believed.take().is_some() {
            tracing::info!("the company IdP's answers are accepted again");
        }
    }

    /// An ID token had no `auth_time`, although `max_age` was asked for. Warns once.
    pub(crate) fn sends_no_auth_time(&self) {
        if !self.sends_no_auth_time.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                "a client asked for max_age, and the company IdP sends no auth_time in its ID tokens, so nothing shows whether it heeds max_age: add the claim at the IdP; until then such sign-ins are accepted"
            );
        }
    }

    /// The figures.
    pub(crate) fn figures(&self) -> IdpFigures {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        IdpFigures {
            granted: read(&self.granted),
            over: read(&self.over),
            refused: read(&self.refused),
            unavailable: read(&self.unavailable),
        }
    }

    /// What to do about a refusal of the gateway.
    pub(crate) fn advice(&self, error: &str) -> String {
        let section = self.section;
        match error {
            "invalid_client" | "incorrect_client_credentials" | "Not Found" | "" => {
                format!("check {section}.client_id and {section}.client_secret")
            }
            "unauthorized_client" | "unsupported_grant_type" => {
                "allow this client the grants authorization_code and refresh_token at the IdP".to_owned()
            }
            "invalid_scope" => format!("allow this client the scopes of {section}.scopes at the IdP"),
            "redirect_uri_mismatch" => "enter the gateway's callback URL in the settings of the app".to_owned(),
            "application_suspended" => "the app is suspended there: ask the IdP's support".to_owned(),
            _ => "it refuses every session alike: look into its log, and check the client there".to_owned(),
        }
    }

    /// Logs a refusal of the gateway when it begins, or when its cause changes.
    fn report(&self, status: StatusCode, error: &str) {
        let advice = self.advice(error);
        let code = if error.is_empty() { "no error code" } else { error };
        let text = format!("the company IdP refuses the gateway ({} {code}): {advice}", status.as_u16());
        let mut judged = self.judged();
        if judged.trouble.as_ref() != Some(&text) {
            tracing::error!(error = code, status = status.as_u16(), "{text}; sessions are kept, and refreshes get 503");
            judged.trouble = Some(text);
        }
    }

    /// The IdP has shown that it knows the gateway.
    pub(super) fn known(&self) {
        let mut judged = self.judged();
        judged.unclear.known();
        if judged.trouble.take().is_some() {
            tracing::info!("the company IdP accepts the gateway again");
        }
    }

    fn judged(&self) -> MutexGuard<'_, Judged> {
        self.judged.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Judged {
    fn failing_at(&mut self, step: SignInStep) -> &mut Failing {
        let [authorization, code, token] = &mut self.failing;
        match step {
            SignInStep::Authorization => authorization,
            SignInStep::Code => code,
            SignInStep::Token => token,
        }
    }
}

impl Failing {
    fn tell(&mut self, why: String) {
        if self.told.as_ref() != Some(&why) {
            tracing::error!("{why}");
            self.told = Some(why);
        }
    }

    fn succeeded(&mut self) {
        self.in_a_row.succeeded();
        if self.told.take().is_some() {
            tracing::info!("sign-ins at the company IdP no longer fail");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn login_a8_a_remark_about_one_user_stays_for_an_hour_also_if_others_sign_in() {
        let (health, secs) = (IdpHealth::new("login.oidc"), Duration::from_secs);
        health.unusable_for_one("ID token", "too large".to_owned(), secs(10));
        health.believed();
        health.granted();
        assert_eq!(health.remarks(secs(3_609)), ["too large"]);
        assert!(health.troubles().is_empty(), "others can sign in");
        assert_eq!(health.figures().refused, 1);
        assert!(health.remarks(secs(3_610)).is_empty());
        health.remark("userinfo", "refused".to_owned(), secs(4_000));
        health.settled("userinfo");
        assert!(health.remarks(secs(4_000)).is_empty());
    }
}
