//! Counts connections that broke HTTP or TLS, and logs a bounded number with their peer address.

use std::{net::IpAddr, time::Instant};

use crate::{
    decide::fields::framing::violation::Violation,
    observe::{audit::ViolationLine, metrics::ListenerSeries, observer::Observe},
};

/// The peer that broke HTTP or TLS, and the listener.
#[derive(Clone, Copy)]
pub struct Violator<'a> {
    /// The listener of the connection.
    pub listener: &'a ListenerSeries,
    /// The address of the client.
    pub peer: IpAddr,
}

/// How a TLS handshake failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HandshakeFault {
    /// The client sent no handshake that this listener accepts, or left.
    Failed,
    /// The client refused the handshake, most likely because it does not trust the certificate.
    Alert,
    /// The handshake did not end in time.
    Timeout,
    /// The listener has no certificate yet.
    NoCertificate,
}

impl HandshakeFault {
    /// The label.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Failed => "tls_handshake",
            Self::Alert => "tls_alert",
            Self::Timeout => "tls_timeout",
            Self::NoCertificate => "tls_no_certificate",
        }
    }
}

impl Observe {
    /// A connection broke HTTP and got an answer with `status`, if any.
    pub fn violated(&self, by: Violator<'_>, violation: Violation, status: Option<u16>) {
        by.listener.violated(violation);
        // Silent connections are only counted.
        if violation == Violation::Silent {
            return;
        }
        if violation == Violation::HeadTooLarge {
            self.head_too_large();
        }
        self.tell_violation(by, violation.as_str(), status);
    }

    /// The TLS handshake of a connection failed.
    pub fn handshake_failed(&self, by: Violator<'_>, fault: HandshakeFault) {
        by.listener.handshake_failed();
        self.tell_violation(by, fault.as_str(), None);
    }

    fn tell_violation(&self, by: Violator<'_>, reason: &'static str, status: Option<u16>) {
        if let Some(suppressed) = self.violations.admit(reason, Instant::now()) {
            let listener = Some(by.listener.address());
            let wall = self.clock.now().wall;
            self.audit.write_violation(&ViolationLine {
                wall,
                listener,
                peer: Some(by.peer),
                reason,
                status,
                suppressed,
            });
        }
    }
}

/// Writes how many violations had no line, when no more of their kind come.
pub(super) fn tell_suppressed(observe: &Observe) {
    for (reason, suppressed) in observe.violations.left_out(Instant::now()) {
        let wall = observe.clock.now().wall;
        let line = ViolationLine { wall, listener: None, peer: None, reason, status: None, suppressed };
        observe.audit.write_violation(&line);
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io::{self, Write},
        net::Ipv4Addr,
        sync::{Arc, Mutex},
        time::Duration,
    };

    use serde_json::Value;

    use super::*;
    use crate::{
        base::clock::{Clock, Now},
        observe::{audit::Audit, metrics::Metrics},
    };

    struct Fixed;

    impl Clock for Fixed {
        fn now(&self) -> Now {
            Now { wall: Duration::from_secs(1_700_000_000), mono: Duration::ZERO }
        }
    }

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl Write for Written {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn attack_183_all_are_counted_and_a_flood_of_one_kind_is_told_ten_times() {
        let (metrics, written) = (Metrics::new(), Written::default());
        let audit = Audit::start(true, Box::new(written.clone()), metrics.audit_dropped()).unwrap();
        let observe = Observe::new(Arc::clone(&metrics), audit, Arc::new(Fixed));
        let listener = metrics.listener("127.0.0.1:8443");
        let by = Violator { listener: &listener, peer: Ipv4Addr::LOCALHOST.into() };
        for _ in 0..50 {
            observe.violated(by, Violation::LengthAndCoding, Some(400));
        }
        observe.violated(by, Violation::H2Protocol, None);
        observe.violated(by, Violation::Silent, None);
        observe.handshake_failed(by, HandshakeFault::Alert);
        observe.audit.close(Duration::from_secs(30));
        let text = String::from_utf8(written.0.lock().unwrap().clone()).unwrap();
        let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines.len(), 12, "{text}");
        let wanted = serde_json::json!({
            "audit": 2, "event": "violation", "time": "2023-11-14T22:13:20.000Z", "listener": "127.0.0.1:8443",
            "peer": "127.0.0.1", "verdict": "refused", "reason": "length_and_coding", "status": 400,
        });
        assert_eq!(lines[0], wanted);
        assert_eq!(lines[10]["reason"], "h2_protocol_error");
        assert_eq!((&lines[11]["reason"], &lines[11]["peer"]), (&"tls_alert".into(), &"127.0.0.1".into()));
        let text = metrics.encode();
        for (violation, count) in [("length_and_coding", 50), ("h2_protocol_error", 1), ("silent", 1)] {
            let series = format!(
                "portcullis_protocol_violations_total{{listener=\"127.0.0.1:8443\",violation=\"{violation}\"}} {count}\n"
            );
            assert!(text.contains(&series), "{series} is not in\n{text}");
        }
    }
}
