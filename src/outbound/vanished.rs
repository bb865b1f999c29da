//! Configures TCP keep-alive, so that the kernel notices a vanished peer (attack 197).
//!
//! A laptop that is closed or a node that loses power sends no FIN. A silent stream to or from it
//! would hold descriptors, and its caller's place among the streams, for two hours or for ever.

use std::{io, os::fd::AsFd};

use rustix::net::sockopt;

use crate::base::limits::connections::{CLIENT_GONE_AFTER, PEER_PROBE_EVERY, PEER_PROBES, PEER_SILENT_AFTER};

/// Probes the peer of a silent connection, and ends the connection if it does not answer.
/// Connections that a listener accepts inherit this.
///
/// # Errors
/// The system's.
pub fn notice(socket: &impl AsFd) -> io::Result<()> {
    sockopt::set_socket_keepalive(socket, true)?;
    #[cfg(not(any(target_os = "haiku", target_os = "nto", target_os = "openbsd", target_os = "redox")))]
    {
        sockopt::set_tcp_keepidle(socket, PEER_SILENT_AFTER)?;
        sockopt::set_tcp_keepintvl(socket, PEER_PROBE_EVERY)?;
        sockopt::set_tcp_keepcnt(socket, PEER_PROBES)?;
    }
    Ok(())
}

/// Also ends a connection whose peer does not acknowledge sent bytes: as long as there are such
/// bytes, the kernel does not probe.
///
/// This is for clients only. A busy upstream may leave a large request unread for longer, and
/// `response_timeout` bounds that.
///
/// # Errors
/// The system's.
pub fn notice_sooner(socket: &impl AsFd) -> io::Result<()> {
    #[cfg(any(target_os = "linux", target_os = "android", target_os = "fuchsia"))]
    sockopt::set_tcp_user_timeout(socket, u32::try_from(CLIENT_GONE_AFTER.as_millis()).unwrap_or(u32::MAX))?;
    #[cfg(not(any(target_os = "linux", target_os = "android", target_os = "fuchsia")))]
    let _ = (socket, CLIENT_GONE_AFTER);
    Ok(())
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use super::*;
    use crate::base::limits::connections::WRITE_STALL_TIMEOUT;

    #[test]
    fn attack_197_what_a_listener_accepts_is_watched() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        notice(&listener).unwrap();
        notice_sooner(&listener).unwrap();
        let _client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (accepted, _) = listener.accept().unwrap();
        assert!(sockopt::socket_keepalive(&accepted).unwrap());
        assert_eq!(sockopt::tcp_keepidle(&accepted).unwrap(), PEER_SILENT_AFTER);
        assert_eq!(sockopt::tcp_keepintvl(&accepted).unwrap(), PEER_PROBE_EVERY);
        assert_eq!(sockopt::tcp_keepcnt(&accepted).unwrap(), PEER_PROBES);
        assert_eq!(sockopt::tcp_user_timeout(&accepted).unwrap(), 75_000);
        assert!(CLIENT_GONE_AFTER > WRITE_STALL_TIMEOUT, "a client that lives and does not read is stalled, not gone");
    }
}
