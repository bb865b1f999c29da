//! Cases of the metrics: names and labels are an interface.

use super::*;
use crate::{
    decide::refusal::{Refusal, TokenFault},
    observe::{end::End, request_id::RequestIds, upstream::UpstreamOutcome},
};

#[test]
fn names_and_labels_are_as_documented() {
    let metrics = Metrics::new();
    let series = metrics.series(&ServerName::from("weather"));
    series.request("allowed", UpstreamOutcome::Error5xx, End::Finished);
    series.request("allowed", UpstreamOutcome::BrokeOff, End::UpstreamFailed);
    series.request(Refusal::Token(TokenFault::Expired).row().reason, UpstreamOutcome::None, End::Finished);
    series.request("a_word_of_tomorrow", UpstreamOutcome::None, End::Finished);
    series.decided("allowed");
    series.decided("no_rule");
    series.decided("a_word_of_tomorrow");
    series.took(Duration::from_millis(3));
    series.reported("no_rule");
    let ids = RequestIds::new();
    series.upstream_failed("connect", &"refused", ids.next());
    let listener = metrics.listener("127.0.0.1:8443");
    let open = listener.accepted();
    listener.handshake_failed();
    metrics.config_taken(Duration::from_secs(7), true);
    metrics.config_refused();
    metrics.certificate_refused();
    metrics.certificate("127.0.0.1:8443", 1_798_070_400);
    metrics.audit_dropped().inc();
    metrics.connections(7).closed_for_room();
    let corporate = AuthorizationServerName::from("corporate");
    let server = ServerName::from("weather");
    metrics.upstreams([(&server, 2, 7), (&server, 1, 0)].into_iter());
    metrics.issuer(&corporate, IssuerFigures { fetched: 2, failed: 1, keys: 3, skipped: 1, introspections: None });
    let text = metrics.encode();
    for line in [
        "portcullis_requests_total{server=\"weather\",outcome=\"allowed\",upstream=\"ok\"} 0",
        "portcullis_requests_total{server=\"weather\",outcome=\"allowed\",upstream=\"error_5xx\"} 1",
        "portcullis_requests_total{server=\"weather\",outcome=\"allowed\",upstream=\"broke_off\"} 1",
        "portcullis_requests_total{server=\"weather\",outcome=\"token_expired\",upstream=\"none\"} 1",
        "portcullis_requests_total{server=\"weather\",outcome=\"a_word_of_tomorrow\",upstream=\"none\"} 1",
        "portcullis_requests_ended_total{server=\"weather\",ended=\"finished\"} 3",
        "portcullis_requests_ended_total{server=\"weather\",ended=\"upstream_failed\"} 1",
        "portcullis_decisions_total{server=\"weather\",outcome=\"allowed\"} 1",
        "portcullis_decisions_total{server=\"weather\",outcome=\"no_rule\"} 1",
        "portcullis_decisions_total{server=\"weather\",outcome=\"a_word_of_tomorrow\"} 1",
        "portcullis_request_duration_seconds_bucket{le=\"0.005\",server=\"weather\"} 1",
        "portcullis_request_duration_seconds_count{server=\"weather\"} 1",
        "portcullis_reported_total{server=\"weather\",reason=\"no_rule\"} 1",
        "portcullis_upstream_failures_total{server=\"weather\",what=\"connect\"} 1",
        "portcullis_upstream_connections{server=\"weather\"} 3",
        "portcullis_upstream_streams{server=\"weather\"} 7",
        "portcullis_requests_in_flight 0",
        "portcullis_streams_open 0",
        "portcullis_request_body_bytes 0",
        "portcullis_connections_open 1",
        "portcullis_connections_max 7",
        "portcullis_connections_closed_for_room_total 1",
        "portcullis_connections_total{listener=\"127.0.0.1:8443\"} 1",
        "portcullis_tls_handshake_failures_total{listener=\"127.0.0.1:8443\"} 1",
        "portcullis_jwks_fetches_total{issuer=\"corporate\",result=\"ok\"} 2",
        "portcullis_jwks_fetches_total{issuer=\"corporate\",result=\"failed\"} 1",
        "portcullis_jwks_keys{issuer=\"corporate\"} 3",
        "portcullis_jwks_keys_skipped{issuer=\"corporate\"} 1",
        "portcullis_config_reloads_total 1",
        "portcullis_config_reload_failures_total 1",
        "portcullis_config_last_reload_success_timestamp_seconds 7",
        "portcullis_certificate_reload_failures_total 1",
        "portcullis_certificate_not_after_seconds{listener=\"127.0.0.1:8443\"} 1798070400",
        "portcullis_audit_dropped_total 1",
        concat!("portcullis_build_info{version=\"", env!("CARGO_PKG_VERSION"), "\"} 1"),
    ] {
        assert!(text.lines().any(|have| have == line), "{line} is not in\n{text}");
    }
    drop(open);
    metrics.issuer_gone(&corporate);
    let text = metrics.encode();
    assert!(text.contains("portcullis_connections_open 0\n"));
    assert!(!text.contains("corporate"));
    metrics.upstreams_replaced();
    assert!(!metrics.encode().contains("portcullis_upstream_streams{"));
}

#[test]
fn counts_go_on_when_a_reload_asks_for_the_series_again() {
    let metrics = Metrics::new();
    let first = metrics.series(&ServerName::from("a"));
    assert!(Arc::ptr_eq(&first, &metrics.series(&ServerName::from("a"))));
    assert!(!Arc::ptr_eq(&first, &metrics.series(&ServerName::from("b"))));
}
