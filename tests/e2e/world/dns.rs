//! A name server that answers every question with one address, which may change, or not at all.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU8, AtomicUsize, Ordering},
    },
};

use tokio::{net::UdpSocket, sync::watch, task::JoinHandle, time::timeout};

use super::process::PATIENCE;

/// Tells the servers of one process apart: each has a loopback address of its own, for the port must be 53.
static NEXT: AtomicU8 = AtomicU8::new(1);

/// A running name server.
pub struct Dns {
    address: IpAddr,
    state: Arc<State>,
    task: JoinHandle<()>,
}

struct State {
    /// What every name leads to; nothing is answered where there is none.
    answer: Mutex<Vec<Ipv4Addr>>,
    asked: AtomicUsize,
    changed: watch::Sender<()>,
}

impl Dns {
    /// Starts a server, as root, for port 53 and `unshare -m` of the gateway. Otherwise the test fails: it would prove nothing.
    pub async fn start(answer: Option<Ipv4Addr>) -> Self {
        Self::start_with(answer.as_slice()).await
    }

    /// The same, with all of these addresses for each name.
    pub async fn start_with(answer: &[Ipv4Addr]) -> Self {
        let last = NEXT.fetch_add(1, Ordering::SeqCst);
        let process = std::process::id().to_be_bytes();
        let address = Ipv4Addr::new(127, 53 ^ process[2], process[3], last);
        let may_unshare =
            std::process::Command::new("unshare").args(["-m", "true"]).status().is_ok_and(|s| s.success());
        assert!(may_unshare, "`unshare -m` (util-linux) does not work: run this test as root");
        let socket = UdpSocket::bind(SocketAddr::new(address.into(), 53)).await;
        let socket = socket.unwrap_or_else(|error| panic!("port 53 of {address}: {error}: run this test as root"));
        let state = Arc::new(State {
            answer: Mutex::new(answer.to_vec()),
            asked: AtomicUsize::new(0),
            changed: watch::Sender::new(()),
        });
        let task = tokio::spawn(serve(socket, Arc::clone(&state)));
        Self { address: address.into(), state, task }
    }

    /// Where it listens.
    pub fn address(&self) -> IpAddr {
        self.address
    }

    /// From now on names lead there.
    pub fn answer(&self, address: Ipv4Addr) {
        *self.state.answer.lock().unwrap() = vec![address];
    }

    /// How many questions came.
    pub fn asked(&self) -> usize {
        self.state.asked.load(Ordering::SeqCst)
    }

    /// Waits for the first question.
    pub async fn until_asked(&self) {
        let mut changed = self.state.changed.subscribe();
        let wait = async {
            while self.asked() == 0 {
                changed.changed().await.unwrap();
            }
        };
        timeout(PATIENCE, wait).await.expect("the name server is never asked");
    }
}

impl Drop for Dns {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(socket: UdpSocket, state: Arc<State>) {
    let mut packet = [0; 512];
    loop {
        let Ok((length, from)) = socket.recv_from(&mut packet).await else { continue };
        state.asked.fetch_add(1, Ordering::SeqCst);
        state.changed.send_replace(());
        let answer = state.answer.lock().unwrap().clone();
        if !answer.is_empty()
            && let Some(reply) = reply(&packet[..length], &answer)
        {
            let _ = socket.send_to(&reply, from).await;
        }
    }
}

/// RFC 1035 §4: the question comes back, and A records where they were asked for; of other types there are none.
fn reply(question: &[u8], addresses: &[Ipv4Addr]) -> Option<Vec<u8>> {
    let name_end = 12 + question.get(12..)?.iter().position(|byte| *byte == 0)? + 1;
    let asks_for_a = question.get(name_end..name_end + 2)? == [0, 1];
    let mut reply = question.get(..2)?.to_vec();
    let count = if asks_for_a { u8::try_from(addresses.len()).ok()? } else { 0 };
    reply.extend([0x81, 0x80, 0, 1, 0, count, 0, 0, 0, 0]);
    reply.extend_from_slice(question.get(12..name_end + 4)?);
    for address in addresses.iter().take(count.into()) {
        reply.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4]);
        reply.extend(address.octets());
    }
    Some(reply)
}
