//! Cuts the lists of an answer to what the caller may see: whole where it is JSON, event by event where it is a stream. Where no
//! list belongs, the answer is watched instead.

mod edited;
mod guarded;

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, header::CONTENT_ENCODING};
use http_body::Body;
use http_body_util::BodyExt;
use tokio::time::{Instant, timeout_at};

pub(in crate::inbound) use self::{edited::Edited, guarded::Guarded};
use crate::{
    base::{
        limits::{BODY_TOTAL_TIMEOUT, LIST_BYTES_MAX},
        text::Text,
    },
    decide::{
        mcp::{
            list::{self, Hide, Item, Lists},
            target::{TASK_LIST, Target},
            version::Era,
        },
        policy::{
            evaluate::{evaluate, names_method},
            rule::{Access, Policy},
        },
        refusal::Refusal,
        token::claims::Caller,
    },
    inbound::state::{
        server::{Gateway, Server},
        usage::{Charge, Place},
    },
    observe::upstream::UpstreamOutcome,
    outbound::upstream::Answer,
};

/// What is done about the lists of an answer.
#[derive(Clone, Copy)]
pub(in crate::inbound) struct Care {
    /// They are cut, since one was asked for.
    pub(in crate::inbound) cut: Option<Lists>,
    /// Where nothing is cut, they end the answer.
    pub(in crate::inbound) guarded: Option<Lists>,
}

impl Care {
    /// For the answer to a request that asks for such a list, or for none.
    ///
    /// In the legacy era, and for versions that an upstream may treat as legacy, any answer may
    /// hold any list: servers send an answer to the request that last used its id in the session. A
    /// client that reuses the id of a list request would see that list as the answer to something
    /// else.
    pub(in crate::inbound) fn of(server: &Server, asked: Option<Lists>, era: Era) -> Self {
        let cut = wanted(server, asked);
        let any = if era == Era::Modern { None } else { wanted(server, Some(Lists::Any)) };
        Self { cut: cut.map(|lists| any.unwrap_or(lists)), guarded: any.or(cut) }
    }
}

/// What of an answer must be cut, if anything: nothing where every caller sees everything.
pub(in crate::inbound) fn wanted(server: &Server, asked: Option<Lists>) -> Option<Lists> {
    let asked = asked?;
    let judges = server.hide != Hide::Never && matches!(server.policy.access, Access::Rules(_));
    match asked {
        Lists::Tasks => judges_tasks(&server.policy).then_some(asked),
        _ if judges => Some(asked),
        // Whatever comes may be a list of tasks.
        Lists::Any => judges_tasks(&server.policy).then_some(Lists::Tasks),
        _ => None,
    }
}

/// With a rule of its own the operator says that the upstream keeps its users apart.
fn judges_tasks(policy: &Policy) -> bool {
    !names_method(policy, &TASK_LIST.into())
}

/// [`list::filter`], or [`list::filter_body`].
type Filter = fn(&Bytes, Lists, &mut dyn FnMut(Item<'_>) -> bool) -> Result<Bytes, &'static str>;

/// Decides what one caller sees.
pub(in crate::inbound) struct Cut {
    pub(in crate::inbound) gateway: Arc<Gateway>,
    /// As it was when the answer began.
    pub(in crate::inbound) server: Arc<Server>,
    pub(in crate::inbound) caller: Arc<Caller>,
    pub(in crate::inbound) lists: Lists,
}

impl Cut {
    /// `message` without what the caller may not see, by the rules in force: a stream may have begun under others (P7).
    fn filter(&self, message: &Bytes) -> Result<Bytes, &'static str> {
        self.filter_by(list::filter, message)
    }

    fn filter_by(&self, filter: Filter, message: &Bytes) -> Result<Bytes, &'static str> {
        let snapshot = self.gateway.snapshot.load();
        // Of a server that is gone the stream ends; what comes before that is judged as it was.
        let server = snapshot.successor(&self.server).unwrap_or(&self.server);
        filter(message, self.lists, &mut |item| self.keep(server, item))
    }

    /// Whether a task is the caller's, and its tool still theirs to use: what `tasks/get` would answer.
    fn may_touch_task(&self, server: &Server, id: &str) -> bool {
        let tool = self.gateway.tasks.tool_of(&server.series.name, &self.caller, id, self.gateway.clock.now());
        tool.is_some_and(|tool| evaluate(&server.policy, &self.caller, &Target::Tool(tool)).is_ok())
    }

    /// Whether the caller sees an item: judged as its use would be, by the same rules.
    fn keep(&self, server: &Server, item: Item<'_>) -> bool {
        let Server { policy, hide, .. } = server;
        let target = match item {
            Item::Tool(name) => Target::Tool(Text::from(name)),
            Item::Prompt(name) => Target::Prompt(Text::from(name)),
            Item::Resource(uri) => Target::Resources(vec![Text::from(uri)]),
            Item::Template(template) => Target::Template(Text::from(template)),
            Item::Task(id) if judges_tasks(policy) => return self.may_touch_task(server, id),
            Item::Task(_) => return true,
        };
        match (hide, evaluate(policy, &self.caller, &target)) {
            (Hide::Never, _) | (_, Ok(_)) => true,
            // Whoever does not see it could never step up for it.
            (Hide::Forbidden, Err(refusal)) => matches!(refusal, Refusal::Scope { .. }),
            (Hide::Unauthorized, Err(_)) => false,
        }
    }
}

/// An answer that must be read and cannot be.
pub(in crate::inbound) struct Unread {
    /// What the client is told.
    pub(in crate::inbound) refusal: Refusal,
    /// How the upstream failed, and what the operator is told; nothing where it did not fail.
    pub(in crate::inbound) fault: Option<(UpstreamOutcome, &'static str)>,
}

impl From<Refusal> for Unread {
    fn from(refusal: Refusal) -> Self {
        let fault = match &refusal {
            Refusal::TooManyBodyBytes | Refusal::OverloadedBodyBytes => None,
            Refusal::UpstreamTimeout(_) => Some((UpstreamOutcome::Timeout, "its answer did not end in time")),
            Refusal::UpstreamAnswer(why) => Some((UpstreamOutcome::Unfit, *why)),
            refusal => Some((UpstreamOutcome::Unfit, refusal.row().reason)),
        };
        Self { refusal, fault }
    }
}

/// Whether the answer's bytes are what they mean: a coding would hide the list from us.
///
/// # Errors
/// [`Refusal::UpstreamAnswer`].
pub(in crate::inbound) fn check_coding(headers: &HeaderMap) -> Result<(), Refusal> {
    let plain = headers.get_all(CONTENT_ENCODING).iter().flat_map(|line| line.as_bytes().split(|byte| *byte == b','));
    let mut codings = plain.map(<[u8]>::trim_ascii);
    if codings.all(|coding| coding.is_empty() || coding.eq_ignore_ascii_case(b"identity")) {
        Ok(())
    } else {
        Err(Refusal::UpstreamAnswer("it encodes a list that must be read, though it was asked not to"))
    }
}

/// Reads an answer that is no stream to its end and cuts it; what is held of it is charged to `place`
/// first. Its label does not matter: clients differ in what they take for JSON (SPEC C-55, attack 146).
///
/// # Errors
/// [`Refusal::UpstreamAnswer`] for one that cannot be read: what cannot be filtered is not shown. As
/// [`Place::charge`] where there is no room for it.
pub(in crate::inbound) async fn whole(answer: Answer, cut: &Cut, place: &Place) -> Result<Bytes, Unread> {
    let mut charge = place.charge(answer.size_hint().lower().min(LIST_BYTES_MAX as u64))?;
    let message = read(answer, &mut charge).await?;
    if message.is_empty() {
        return Ok(message);
    }
    let kept = cut.filter_by(list::filter_body, &message).map_err(|why| Unread {
        fault: Some((UpstreamOutcome::Unfit, why)),
        ..Unread::from(Refusal::UpstreamAnswer("it holds a list that cannot be read with one meaning"))
    })?;
    Ok(charge.hold(kept))
}

/// All bytes of an answer; one that came in one piece is not copied.
async fn read(mut answer: Answer, charge: &mut Charge) -> Result<Bytes, Unread> {
    const LATE: Refusal = Refusal::UpstreamTimeout("did not finish a list in time");
    const TOO_LONG: Refusal = Refusal::UpstreamAnswer("it holds a list that is too long to be read");
    if answer.size_hint().lower() > LIST_BYTES_MAX as u64 {
        return Err(TOO_LONG.into());
    }
    let deadline = Instant::now() + BODY_TOTAL_TIMEOUT;
    let (mut first, mut whole) = (Bytes::new(), BytesMut::new());
    while let Some(frame) = timeout_at(deadline, answer.frame()).await.map_err(|_| LATE)? {
        let frame = frame.map_err(|_| Unread {
            refusal: Refusal::UpstreamAnswer("it broke off"),
            fault: Some((UpstreamOutcome::BrokeOff, "it broke off")),
        })?;
        let Ok(piece) = frame.into_data() else { continue };
        let bytes = first.len() + whole.len() + piece.len();
        if bytes > LIST_BYTES_MAX {
            return Err(TOO_LONG.into());
        }
        charge.arrived(bytes)?;
        if first.is_empty() && whole.is_empty() {
            first = piece;
            continue;
        }
        whole.extend_from_slice(&std::mem::take(&mut first));
        whole.extend_from_slice(&piece);
    }
    Ok(if whole.is_empty() { first } else { whole.freeze() })
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn c55_attack_146_whatever_hides_the_list_is_refused() {
        let cases: &[(&[&[u8]], bool)] = &[
            (&[], true),
            (&[b"identity"], true),
            (&[b"Identity , identity"], true),
            (&[b""], true),
            (&[b"gzip"], false),
            (&[b"br"], false),
            (&[b"identity, br"], false),
            (&[b"identity", b"zstd"], false),
            (&[b"x-unknown"], false),
            (&[b"identity\xff"], false),
        ];
        for (lines, expected) in cases {
            let mut headers = HeaderMap::new();
            for line in *lines {
                headers.append(CONTENT_ENCODING, HeaderValue::from_bytes(line).unwrap());
            }
            assert_eq!(check_coding(&headers).is_ok(), *expected, "{lines:?}");
        }
    }
}
