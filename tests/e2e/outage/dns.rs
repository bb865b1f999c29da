//! The outage table: the resolver that the upstream's name is asked of. Needs root, for port 53 and a `/etc/resolv.conf` of its own.

use std::{
    net::Ipv4Addr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU8, AtomicUsize, Ordering},
    },
};

use tokio::{
    net::UdpSocket,
    task::JoinHandle,
    time::{Duration, Instant, sleep},
};

use super::{ask, assert_unavailable, can_mount, is_well, say_loudly, until_readyz, until_status};
use crate::e2e::world::{Plan, World, server};

/// What the resolver answers to a question for an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Good,
    Nothing,
    /// The truth, after this many milliseconds.
    After(u64),
    /// An error, by its number in RFC 1035 §4.1.1.
    Error(u8),
    /// "Ask again over TCP", where nobody listens.
    Truncated,
    /// Half of the packet.
    Half,
    /// The truth about another question.
    OtherId,
    /// An address of somebody else.
    Elsewhere,
    /// The truth every other time.
    Flaps,
}

/// What the resolver does, and what a call gets.
struct Row {
    failure: &'static str,
    mode: Mode,
    status: u16,
}

const TABLE: &[Row] = &[
    Row { failure: "refuses", mode: Mode::Error(5), status: 502 },
    Row { failure: "fails", mode: Mode::Error(2), status: 502 },
    Row { failure: "hangs", mode: Mode::Nothing, status: 504 },
    Row { failure: "is slow", mode: Mode::After(300), status: 200 },
    Row { failure: "truncates: TCP is refused", mode: Mode::Truncated, status: 502 },
    Row { failure: "truncates: half a packet", mode: Mode::Half, status: 504 },
    Row { failure: "lies: no such name", mode: Mode::Error(3), status: 502 },
    Row { failure: "lies: the answer to something else", mode: Mode::OtherId, status: 504 },
    Row { failure: "lies: somebody else's address", mode: Mode::Elsewhere, status: 502 },
];

/// A resolver that answers as told, at port 53 of an address of the loopback that nobody else uses.
struct Resolver {
    address: Ipv4Addr,
    mode: Arc<Mutex<Mode>>,
    task: JoinHandle<()>,
}

impl Drop for Resolver {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Resolver {
    /// None where this process may not do it.
    async fn start() -> Option<Self> {
        static NEXT: AtomicU8 = AtomicU8::new(1);
        let [.., low] = std::process::id().to_be_bytes();
        let address = Ipv4Addr::new(127, 53, low, NEXT.fetch_add(1, Ordering::SeqCst));
        let socket = UdpSocket::bind((address, 53)).await.ok().filter(|_| can_mount())?;
        let mode = Arc::new(Mutex::new(Mode::Good));
        Some(Self { address, task: tokio::spawn(serve(socket, Arc::clone(&mode))), mode })
    }

    fn set(&self, mode: Mode) {
        *self.mode.lock().unwrap() = mode;
    }
}

async fn serve(socket: UdpSocket, mode: Arc<Mutex<Mode>>) {
    let (socket, asked) = (Arc::new(socket), AtomicUsize::new(0));
    let mut question = [0; 512];
    loop {
        let Ok((length, peer)) = socket.recv_from(&mut question).await else { continue };
        let question = question[..length].to_vec();
        let mode = *mode.lock().unwrap();
        // A look-up asks for both kinds of address.
        let is_odd = asked.fetch_add(1, Ordering::SeqCst) / 2 % 2 == 1;
        let (socket, wait) = (Arc::clone(&socket), if let Mode::After(wait) = mode { wait } else { 0 });
        tokio::spawn(async move {
            sleep(Duration::from_millis(wait)).await;
            if let Some(answer) = answer(&question, mode, is_odd) {
                let _ = socket.send_to(&answer, peer).await;
            }
        });
    }
}

/// The packet that answers `question` (RFC 1035 §4).
fn answer(question: &[u8], mode: Mode, is_odd: bool) -> Option<Vec<u8>> {
    let (flags, address): ([u8; 2], _) = match mode {
        Mode::Nothing => return None,
        Mode::Error(number) => ([0x81, 0x80 | number], None),
        Mode::Flaps if is_odd => ([0x81, 0x82], None),
        Mode::Truncated => ([0x83, 0x80], None),
        Mode::Elsewhere => ([0x81, 0x80], Some([127, 0, 0, 99])),
        _ => ([0x81, 0x80], Some([127, 0, 0, 1])),
    };
    let name_ends = 12 + question.get(12..)?.iter().position(|byte| *byte == 0)? + 1;
    let is_for_v4 = question.get(name_ends..name_ends + 2)? == [0, 1];
    let address = address.filter(|_| is_for_v4);
    let mut packet = question.get(..2)?.to_vec();
    packet.extend([flags[0], flags[1], 0, 1, 0, u8::from(address.is_some()), 0, 0, 0, 0]);
    packet.extend(question.get(12..name_ends + 4)?);
    if let Some(address) = address {
        // A pointer to the name, A, IN, for no time, four bytes.
        packet.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4]);
        packet.extend(address);
    }
    match mode {
        Mode::OtherId => packet[0] ^= 0xff,
        Mode::Half => packet.truncate(14),
        _ => {}
    }
    Some(packet)
}

const WRAPPER: [&str; 6] =
    ["unshare", "-m", "sh", "-c", "mount --bind @FOLDER@/resolv.conf /etc/resolv.conf && exec \"$@\"", "sh"];

/// The upstream, or the key set, by a name that only the resolver knows.
async fn begun(named: Named) -> Option<(Resolver, World)> {
    let Some(resolver) = Resolver::start().await else {
        say_loudly("not root, or no mount namespaces: the outages of DNS are NOT tested");
        return None;
    };
    let plan = match named {
        Named::Upstream => Plan::standard_but("@UPSTREAM@", "http://upstream.test:@UPSTREAM_PORT@"),
        Named::KeySet => Plan::standard().issuers(
            "  house: {issuer: \"@ISSUER@\", jwks: {url: \"http://issuer.test:@ISSUER_PORT@/keys\"}, allow_http: true}\n",
        ),
    };
    if named == Named::KeySet {
        resolver.set(Mode::Error(2));
    }
    let resolv = format!("nameserver {}\noptions timeout:3 attempts:1\n", resolver.address);
    let plan = plan.wrapped(&WRAPPER).environment("PATH", &std::env::var("PATH").unwrap());
    let world = plan.file("resolv.conf", &resolv).start().await;
    // No connection is kept, so that each call needs the name.
    world.upstream.answer_with(|seen| {
        let body = format!(r#"{{"jsonrpc":"2.0","id":{},"result":{{}}}}"#, seen.id());
        server::full(200, &[("Connection", "close"), ("Content-Type", "application/json")], body)
    });
    Some((resolver, world))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Named {
    Upstream,
    KeySet,
}

#[tokio::test]
async fn outage_dns_fails() {
    let Some((resolver, world)) = begun(Named::Upstream).await else { return };
    let call = ask(&world.token());
    assert_eq!(world.send(&call).await.status, 200, "{}", world.gateway.tail());
    for Row { failure, mode, status } in TABLE {
        world.upstream.take();
        resolver.set(*mode);
        let began = Instant::now();
        let reply = world.send(&call).await;
        assert_eq!(reply.status, *status, "{failure}: {reply:?}\n{}", world.gateway.tail());
        assert!(began.elapsed() < Duration::from_secs(10), "{failure}: bounded by connect_timeout");
        assert_eq!(world.upstream.take().len(), usize::from(*status == 200), "{failure}");
        assert!(is_well(&world.admin("/readyz").await), "{failure}");

        resolver.set(Mode::Good);
        until_status(&world, &call, 200, failure).await;
    }
    world.close().await;
}

#[tokio::test]
async fn outage_dns_flaps() {
    let Some((resolver, world)) = begun(Named::Upstream).await else { return };
    let call = ask(&world.token());
    resolver.set(Mode::Flaps);
    let mut good = 0;
    for _ in 0..20 {
        match world.send(&call).await {
            reply if reply.status == 200 => good += 1,
            reply => assert_eq!(reply.status, 502, "{reply:?}"),
        }
    }
    assert_eq!(world.upstream.take().len(), good, "each runs once, or never");
    resolver.set(Mode::Good);
    until_status(&world, &call, 200, "flaps").await;
    world.close().await;
}

#[tokio::test]
async fn outage_dns_fails_for_an_issuer_at_the_start() {
    let Some((resolver, world)) = begun(Named::KeySet).await else { return };
    let call = ask(&world.token());
    assert_unavailable(&world.send(&call).await, "fails");
    assert_eq!(world.admin("/readyz").await.status, 503);
    resolver.set(Mode::Good);
    until_status(&world, &call, 200, "fails").await;
    until_readyz(&world, "fails", is_well).await;
    world.close().await;
}
