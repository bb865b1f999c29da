//! Counts connections that broke HTTP, and logs a bounded number with their peer address.

use std::{
    net::IpAddr,
    time::{Duration, Instant},
};

use crate::{
    decide::fields::framing::violation::Violation,
    observe::{Observe, audit::ViolationLine, metrics::ListenerSeries, sampled::Sampled},
};

/// The span in which so many lines are written for one kind.
const SPAN: Duration = Duration::from_secs(1);
const LINES_PER_SPAN: u32 = 10;

/// What was told lately.
pub(in crate::observe) struct Violations(Sampled<&'static str>);

impl Violations {
    pub(in crate::observe) const fn new() -> Self {
        Self(Sampled::new(SPAN, LINES_PER_SPAN))
    }
}

/// The peer that broke HTTP, and the listener.
#[derive(Clone, Copy)]
pub struct Violator<'a> {
    /// The listener that was connected to.
    pub listener: &'a ListenerSeries,
    /// The address that connected.
    pub peer: IpAddr,
}

impl Observe {
    /// A connection broke HTTP; it got an answer with `status`, where it got one.
    pub fn violated(&self, by: Violator<'_>, violation: Violation, status: Option<u16>) {
        by.listener.violated(violation);
        // Silent connections are only counted.
        if violation == Violation::Silent {
            return;
        }
        let reason = violation.as_str();
        if let Some(suppressed) = self.violations.0.admit(reason, Instant::now()) {
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

    /// Tells of violations that had no line, once their kind is quiet.
    pub(in crate::observe) fn tell_suppressed(&self) {
        for (reason, suppressed) in self.violations.0.left_out(Instant::now()) {
            let wall = self.clock.now().wall;
            let line = ViolationLine { wall, listener: None, peer: None, reason, status: None, suppressed };
            self.audit.write_violation(&line);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io::{self, Write},
        net::Ipv4Addr,
        sync::{Arc, Mutex},
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
        observe.audit.close(Duration::from_secs(30));
        let text = String::from_utf8(written.0.lock().unwrap().clone()).unwrap();
        let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines.len(), 11, "{text}");
        let wanted = serde_json::json!({
            "audit": 2, "event": "violation", "time": "2023-11-14T22:13:20.000Z", "listener": "127.0.0.1:8443",
            "peer": "127.0.0.1", "verdict": "refused", "reason": "length_and_coding", "status": 400,
        });
        assert_eq!(lines[0], wanted);
        assert_eq!(lines[10]["reason"], "h2_protocol_error");
        let text = metrics.encode();
        for (violation, count) in [("length_and_coding", 50), ("h2_protocol_error", 1), ("silent", 1)] {
            let series = format!(
                "portcullis_protocol_violations_total{{listener=\"127.0.0.1:8443\",violation=\"{violation}\"}} {count}\n"
            );
            assert!(text.contains(&series), "{series} is not in\n{text}");
        }
    }
}
