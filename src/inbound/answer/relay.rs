//! An answer on its way to the client, and what watches it while it passes.

use std::{
    error::Error,
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{HeaderMap, header::CONTENT_ENCODING};
use http_body::{Body, Frame, SizeHint};

use crate::{
    decide::{
        mcp::{target::Target, version::Era},
        refusal::Refusal,
    },
    inbound::{
        accept::connection::Busy,
        answer::{
            filter::{Edited, Guarded},
            forward::{Outgoing, Promise},
            keep_alive::KeepAlive,
            lease::Leash,
            stall,
            task_watch::Birth,
        },
        state::{
            events::Origin,
            server::{Gateway, Server},
            usage::Place,
        },
    },
    observe::{
        record::{End, Record},
        upstream::UpstreamOutcome,
    },
    outbound::upstream::{Answer, BrokeOff},
};

/// Why an answer ends before its framing says so.
#[derive(Debug)]
pub(in crate::inbound) enum Broken {
    /// The upstream broke off.
    Upstream(BrokeOff),
    /// What came next may not pass: no polite end may pretend that this was all.
    Unfit(&'static str),
    /// What came next must be read, and there is no room to hold it.
    NoRoom(Refusal),
}

impl fmt::Display for Broken {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Upstream(error) => match error.source() {
                Some(cause) => write!(out, "the upstream broke off: {error}: {cause}"),
                None => write!(out, "the upstream broke off: {error}"),
            },
            Self::Unfit(why) => write!(out, "the upstream's answer may not pass: {why}"),
            Self::NoRoom(refusal) => write!(out, "no room to read the upstream's answer: {}", refusal.row().reason),
        }
    }
}

impl Error for Broken {}

/// Where the bytes come from.
pub(in crate::inbound) enum Source {
    /// The upstream, untouched (P1).
    Plain(Answer),
    /// A list that was read and cut; `None` once it was taken.
    Whole(Option<Bytes>),
    /// A stream whose lists are cut event by event.
    Edited(Box<Edited>),
    /// The upstream, untouched as long as no list starts in it.
    Guarded(Box<Guarded>),
}

impl Source {
    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        match self {
            Self::Plain(answer) => Pin::new(answer).poll_frame(cx).map_err(Broken::Upstream),
            Self::Whole(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Self::Edited(edited) => edited.poll_frame(cx),
            Self::Guarded(guarded) => guarded.poll_frame(cx),
        }
    }
}

/// Who looks at the bytes as they pass; nobody changes them.
#[derive(Default)]
pub(in crate::inbound) struct Watch {
    birth: Option<Birth>,
    origin: Option<Origin>,
    alive: Option<KeepAlive>,
}

impl Watch {
    /// Those that `outgoing` needs; nobody for most.
    pub(in crate::inbound) fn of(
        gateway: &Arc<Gateway>,
        server: &Server,
        outgoing: &Outgoing,
        headers: &HeaderMap,
        is_stream: bool,
    ) -> Option<Box<Self>> {
        let caller = &outgoing.caller;
        let birth = match &outgoing.target {
            Target::Tool(tool) if outgoing.task != Promise::None => {
                Some(Birth::watch(gateway, server, caller, tool, headers))
            }
            _ => None,
        };
        // The modern era takes no stream up again.
        let session = outgoing.session.as_ref().filter(|_| is_stream && outgoing.era == Era::Legacy);
        let origin = session.map(|session| Origin::watch(gateway, server, caller, session, &outgoing.target));
        // Into bytes that are coded a comment cannot be put.
        let is_plain = is_stream && !headers.contains_key(CONTENT_ENCODING);
        let alive = server.stream_keep_alive.filter(|_| is_plain).map(KeepAlive::new);
        let anybody = birth.is_some() || origin.is_some() || alive.is_some();
        anybody.then(|| Box::new(Self { birth, origin, alive }))
    }

    fn see(&mut self, piece: &Bytes) {
        if let Some(birth) = &mut self.birth {
            birth.see(piece);
        }
        if let Some(origin) = &mut self.origin {
            origin.see(piece);
        }
        if let Some(alive) = &mut self.alive {
            alive.passed(piece);
        }
    }

    fn end(&mut self) {
        if let Some(mut birth) = self.birth.take() {
            birth.end();
        }
        self.alive = None;
    }
}

/// An answer with all that ends when it ends.
pub(in crate::inbound) struct Relay {
    source: Source,
    leash: Option<Leash>,
    watch: Option<Box<Watch>>,
    /// What is left of a piece that is handed out in parts.
    rest: Option<Bytes>,
    /// The upstream's failure, held back for one turn.
    broken: Option<Broken>,
    record: Record,
    /// The caller's place; given back with the last frame.
    place: Option<Place>,
    busy: Busy,
}

impl Relay {
    /// Takes everything over.
    pub(in crate::inbound) fn new(
        source: Source,
        leash: Option<Leash>,
        watch: Option<Box<Watch>>,
        mut record: Record,
        place: Place,
        busy: Busy,
    ) -> Self {
        record.relays();
        if let Some(leash) = &leash {
            stall::tie(leash, busy.answer());
        }
        Self { source, leash, watch, rest: None, broken: None, record, place: Some(place), busy }
    }

    /// What may be handed out at once of a frame.
    fn part(&mut self, frame: Frame<Bytes>) -> Frame<Bytes> {
        match frame.into_data() {
            Ok(piece) => {
                self.rest = Some(piece);
                Frame::data(stall::take_piece(&mut self.rest).unwrap_or_default())
            }
            Err(other) => other,
        }
    }
}

/// The library does not ask a body for its end when all the bytes that it announced are there: it
/// drops it.
impl Drop for Relay {
    fn drop(&mut self) {
        if let Some(end) = stall::ended(self.busy.answer()) {
            self.record.ends(end);
        }
        let is_whole = match &self.source {
            Source::Plain(answer) => answer.is_end_stream() || answer.size_hint().exact() == Some(0),
            Source::Guarded(guarded) => guarded.is_end_stream() || guarded.size_hint().exact() == Some(0),
            Source::Whole(bytes) => bytes.is_none(),
            Source::Edited(_) => false,
        };
        if is_whole && self.rest.is_none() && self.broken.is_none() {
            self.record.ends(End::Finished);
        }
    }
}

impl Body for Relay {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        if let Some(leash) = &self.leash
            && leash.poll_cut(cx).is_ready()
        {
            self.record.ends(End::PermitExpired);
            return Poll::Ready(None);
        }
        if let Some(piece) = stall::take_piece(&mut self.rest) {
            return Poll::Ready(Some(Ok(Frame::data(piece))));
        }
        if let Some(error) = self.broken.take() {
            return Poll::Ready(Some(Err(error)));
        }
        let frame = self.source.poll_frame(cx);
        if let Poll::Ready(Some(Err(error))) = frame {
            match &error {
                Broken::Upstream(_) => self.record.failed(UpstreamOutcome::BrokeOff, "broke_off", &error),
                Broken::Unfit(_) => self.record.failed(UpstreamOutcome::Unfit, "answer", &error),
                Broken::NoRoom(refusal) => {
                    self.record.refused(refusal);
                    self.record.ends(End::Overloaded);
                }
            }
            // An error makes the library drop what it has not written yet. A turn later it has, and what came before the
            // upstream's end arrives (SPEC F-24).
            self.broken = Some(error);
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        if let Some(watch) = &mut self.watch {
            match &frame {
                Poll::Ready(Some(Ok(piece))) => {
                    if let Some(piece) = piece.data_ref() {
                        watch.see(piece);
                    }
                }
                Poll::Ready(_) => watch.end(),
                Poll::Pending => {
                    if let Some(alive) = &mut watch.alive {
                        return alive.poll_due(cx).map(|comment| Some(Ok(Frame::data(comment))));
                    }
                }
            }
        }
        if let Poll::Ready(None) = frame {
            self.record.ends(End::Finished);
        }
        let frame = match frame {
            Poll::Ready(Some(Ok(frame))) => Poll::Ready(Some(Ok(self.part(frame)))),
            other => other,
        };
        // The client may ask again as soon as it has the last byte, before all of this is dropped.
        if frame.is_ready() && self.is_end_stream() {
            self.place = None;
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        if self.rest.is_some() {
            return false;
        }
        match &self.source {
            // Whoever looks must see the end.
            Source::Plain(answer) => self.watch.is_none() && answer.is_end_stream(),
            Source::Whole(bytes) => bytes.is_none(),
            Source::Guarded(guarded) => self.watch.is_none() && guarded.is_end_stream(),
            Source::Edited(_) => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        if self.rest.is_some() {
            return SizeHint::default();
        }
        match &self.source {
            Source::Plain(answer) => answer.size_hint(),
            Source::Whole(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64)),
            Source::Guarded(guarded) => guarded.size_hint(),
            Source::Edited(_) => SizeHint::default(),
        }
    }
}
