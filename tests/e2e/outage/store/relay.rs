//! A relay before Redis that passes, refuses, hangs, delays, truncates or lies.

use std::{net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::{JoinHandle, JoinSet},
    time::sleep,
};

/// What the relay does with what Redis answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    Pass,
    /// Hangs up, and is not there.
    Refuse,
    /// Takes everything and says nothing.
    Hang,
    /// Each answer comes late.
    Slow,
    /// Half of an answer, and the end.
    Truncate,
    /// This instead.
    Lie(&'static str),
}

/// The relay, which ends with its value.
pub struct Relay {
    pub port: u16,
    mode: watch::Sender<Mode>,
    task: JoinHandle<()>,
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Relay {
    pub async fn start(redis: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mode = watch::Sender::new(Mode::Pass);
        let task = tokio::spawn(serve(listener, address, redis, mode.subscribe()));
        Self { port: address.port(), mode, task }
    }

    /// From the next answer on.
    pub fn set(&self, mode: Mode) {
        self.mode.send_replace(mode);
    }
}

async fn serve(listener: TcpListener, address: SocketAddr, redis: u16, mut mode: watch::Receiver<Mode>) {
    let mut listener = Some(listener);
    let mut connections = JoinSet::new();
    loop {
        let now = *mode.borrow_and_update();
        if now == Mode::Refuse {
            listener = None;
            connections.abort_all();
        } else if listener.is_none() {
            listener = Some(TcpListener::bind(address).await.unwrap());
        }
        tokio::select! {
            accepted = async { listener.as_ref().unwrap().accept().await }, if listener.is_some() => {
                connections.spawn(converse(accepted.unwrap().0, redis, mode.clone()));
            }
            changed = mode.changed() => if changed.is_err() { return },
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn converse(client: TcpStream, redis: u16, mode: watch::Receiver<Mode>) -> Option<()> {
    let (mut from_redis, mut to_redis) = TcpStream::connect(("127.0.0.1", redis)).await.ok()?.into_split();
    let (mut from_client, mut to_client) = client.into_split();
    let asks = async { tokio::io::copy(&mut from_client, &mut to_redis).await.ok().map(drop) };
    let answers = async {
        let mut bytes = vec![0; 64 * 1024];
        loop {
            let length = from_redis.read(&mut bytes).await.ok().filter(|length| *length > 0)?;
            let answer = &bytes[..length];
            let now = *mode.borrow();
            match now {
                Mode::Pass => to_client.write_all(answer).await.ok()?,
                Mode::Slow => {
                    sleep(Duration::from_millis(200)).await;
                    to_client.write_all(answer).await.ok()?;
                }
                Mode::Truncate => {
                    to_client.write_all(&answer[..length / 2]).await.ok()?;
                    return None;
                }
                Mode::Lie(text) => to_client.write_all(text.as_bytes()).await.ok()?,
                Mode::Hang => {}
                Mode::Refuse => return None,
            }
        }
    };
    tokio::select! {
        ended = asks => ended,
        ended = answers => ended,
    }
}
