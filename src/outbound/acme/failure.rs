//! Why an attempt to get a certificate failed, in words, and when the next one makes sense.

use std::time::Duration;

use instant_acme::{Error, Identifier, Problem};

use super::client::CaFault;
use crate::{
    decide::acme::{
        refusal::{CaProblem, ValidationsSeen, sentences},
        schedule::AttemptFailure,
    },
    outbound::{dial::DialFaultKind, fault::FaultKind},
};

/// A failed attempt.
#[derive(Debug)]
pub(super) struct Failed {
    pub(super) kind: AttemptFailure,
    /// What failed, and what to do.
    pub(super) said: String,
    /// How long the CA asked to wait.
    pub(super) retry_after: Option<Duration>,
    /// Whether the CA does not know the account.
    pub(super) is_account_lost: bool,
}

impl Failed {
    /// The gateway's own fault, or one of its system.
    pub(super) fn here(said: impl Into<String>) -> Self {
        Self { kind: AttemptFailure::Refused, said: said.into(), retry_after: None, is_account_lost: false }
    }

    /// The refusals of parts, each with what was seen of its validation.
    pub(super) fn refused(problems: &[(CaProblem, Option<ValidationsSeen>)]) -> Self {
        let is_nonce = problems.iter().any(|(problem, _)| problem.is_nonce());
        Self {
            kind: if is_nonce { AttemptFailure::Away } else { AttemptFailure::Refused },
            is_account_lost: problems.iter().any(|(problem, _)| problem.is_lost_account()),
            ..Self::here(sentences(problems.iter().map(|(problem, seen)| (problem, *seen))))
        }
    }

    /// What the library reports while it does `step`.
    pub(super) fn of(step: &str, error: Error, hidden: &str) -> Self {
        match error {
            Error::Api(problem) => {
                let all: Vec<_> = problems(&problem, None, hidden).into_iter().map(|one| (one, None)).collect();
                let failed = Self::refused(&all);
                Self { said: format!("{step}: {}", failed.said), ..failed }
            }
            Error::Other(cause) => match cause.downcast::<CaFault>() {
                Ok(fault) => {
                    let clock = match fault.0.kind {
                        FaultKind::Dial(DialFaultKind::TlsExpired | DialFaultKind::TlsNotYetValid) => {
                            "; is the clock of this machine right?"
                        }
                        _ => "",
                    };
                    Self { kind: AttemptFailure::Away, ..Self::here(format!("{step}: {fault}{clock}")) }
                }
                Err(cause) => Self::here(format!("{step}: {cause}")),
            },
            Error::Json(cause) => Self {
                kind: AttemptFailure::Away,
                ..Self::here(format!("{step}: the answer is not one of an ACME server ({cause}); check `directory`"))
            },
            // An order that takes this long is not asked for again at once.
            Error::Timeout(_) => Self::here(format!("{step}: the CA did not finish in time")),
            Error::KeyRejected => Self::here(format!("{step}: the key of the account in the cache is damaged")),
            other => Self::here(format!("{step}: {other}")),
        }
    }
}

/// Whether the CA refuses for the number of requests: the same request again makes it worse.
pub(super) fn is_rate_limit(problem: &Problem) -> bool {
    CaProblem::new(problem.r#type.as_deref(), None, None, "").is_rate_limit()
}

/// The problem and its parts. The parts name what is wrong, where there are some.
pub(super) fn problems(problem: &Problem, name: Option<&str>, hidden: &str) -> Vec<CaProblem> {
    let parts: Vec<CaProblem> = (problem.subproblems.iter())
        .map(|part| {
            let own = part.identifier.as_ref().and_then(|identifier| match identifier {
                Identifier::Dns(name) => Some(name.as_str()),
                _ => None,
            });
            CaProblem::new(part.r#type.as_deref(), part.detail.as_deref(), own.or(name), hidden)
        })
        .collect();
    match parts.is_empty() {
        true => vec![CaProblem::new(problem.r#type.as_deref(), problem.detail.as_deref(), name, hidden)],
        false => parts,
    }
}
