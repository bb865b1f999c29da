//! Keeps pages that are not the gateway's own from acting on its origin, where users sign in.

use http::{
    HeaderMap, HeaderName, HeaderValue,
    header::{CONTENT_SECURITY_POLICY, X_CONTENT_TYPE_OPTIONS},
};

use crate::decide::refusal::Refusal;

const SANDBOX: HeaderValue = HeaderValue::from_static("sandbox");
const NOSNIFF: HeaderValue = HeaderValue::from_static("nosniff");
const SERVICE_WORKER: HeaderName = HeaderName::from_static("service-worker");
const SEC_FETCH_DEST: HeaderName = HeaderName::from_static("sec-fetch-dest");

/// Fields with which a browser changes later requests to the whole origin.
const FOR_ORIGIN: [&str; 8] = [
    "service-worker-allowed",
    "use-as-dictionary",
    "speculation-rules",
    "accept-ch",
    "critical-ch",
    "set-login",
    "secure-session-registration",
    "sec-session-registration",
];

/// Refuses the script of a service worker: it would stand between the browser and every page below
/// its path. Browsers send `Service-Worker: script` with each request for such a script (Service
/// Workers §4.2), and current ones `Sec-Fetch-Dest` as well (attack 267).
///
/// # Errors
/// [`Refusal::ServiceWorker`].
pub fn check_request(headers: &HeaderMap) -> Result<(), Refusal> {
    let is_script = headers.contains_key(SERVICE_WORKER)
        || headers.get(SEC_FETCH_DEST).is_some_and(|dest| dest.as_bytes().eq_ignore_ascii_case(b"serviceworker"));
    if is_script { Err(Refusal::ServiceWorker) } else { Ok(()) }
}

/// Adds the fields that give a page an origin of its own, without scripts, forms and cookies, and
/// that keep browsers from guessing a type (attack 266).
///
/// A policy of the upstream stays beside ours: browsers enforce all policies, so it can only take
/// more away.
pub fn confine(headers: &mut HeaderMap) {
    for name in FOR_ORIGIN {
        headers.remove(name);
    }
    headers.append(CONTENT_SECURITY_POLICY, SANDBOX);
    headers.insert(X_CONTENT_TYPE_OPTIONS, NOSNIFF);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_b4_attack_267_a_script_of_a_service_worker_is_known_by_either_field() {
        let of = |name: &'static str, value: &'static str| {
            check_request(&HeaderMap::from_iter([(HeaderName::from_static(name), HeaderValue::from_static(value))]))
        };
        for (name, value, refused) in [
            ("service-worker", "script", true),
            ("service-worker", "Script", true),
            ("service-worker", "", true),
            ("sec-fetch-dest", "serviceworker", true),
            ("sec-fetch-dest", "ServiceWorker", true),
            ("sec-fetch-dest", "image", false),
            ("accept", "script", false),
        ] {
            assert_eq!(of(name, value).is_err(), refused, "{name}: {value}");
        }
    }

    #[test]
    fn people_b4_attack_266_a_policy_of_the_upstream_cannot_take_ours_away() {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static("sandbox allow-scripts allow-same-origin"));
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("none"));
        confine(&mut headers);
        let policies: Vec<_> = headers.get_all(CONTENT_SECURITY_POLICY).iter().collect();
        assert_eq!(policies, ["sandbox allow-scripts allow-same-origin", "sandbox"]);
        assert_eq!(headers[X_CONTENT_TYPE_OPTIONS], "nosniff");
    }
}
