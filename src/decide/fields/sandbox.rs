//! Keeps pages that are not the gateway's own from acting on its origin, where users sign in.

use http::{
    HeaderMap, HeaderName, HeaderValue,
    header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS},
};

use crate::decide::refusal::Refusal;

const SANDBOX: HeaderValue = HeaderValue::from_static("sandbox");
const NOSNIFF: HeaderValue = HeaderValue::from_static("nosniff");
const SERVICE_WORKER: HeaderName = HeaderName::from_static("service-worker");
const SEC_FETCH_DEST: HeaderName = HeaderName::from_static("sec-fetch-dest");

/// Fields with which a browser changes later requests to the whole origin.
const FOR_ORIGIN: [&str; 13] = [
    "service-worker-allowed",
    "use-as-dictionary",
    "speculation-rules",
    "accept-ch",
    "critical-ch",
    "set-login",
    "secure-session-registration",
    "sec-session-registration",
    "idp-signin-status",
    "shared-storage-write",
    "observe-browsing-topics",
    "attribution-reporting-register-source",
    "attribution-reporting-register-trigger",
];

/// Types whose parts have header fields of their own in some browsers, which then may not apply
/// those of the answer to each part.
const OF_PARTS: [&str; 2] = ["multipart/x-mixed-replace", "multipart/mixed"];
const OCTETS: HeaderValue = HeaderValue::from_static("application/octet-stream");

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
    if headers.get(CONTENT_TYPE).is_some_and(is_of_parts) {
        headers.insert(CONTENT_TYPE, OCTETS);
    }
    headers.append(CONTENT_SECURITY_POLICY, SANDBOX);
    headers.insert(X_CONTENT_TYPE_OPTIONS, NOSNIFF);
}

fn is_of_parts(media_type: &HeaderValue) -> bool {
    let whole = String::from_utf8_lossy(media_type.as_bytes());
    let essence = whole.split(';').next().unwrap_or_default().trim();
    OF_PARTS.iter().any(|of| essence.eq_ignore_ascii_case(of))
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

    #[test]
    fn people_b4_attack_266_parts_with_fields_of_their_own_are_no_pages() {
        for (media_type, sent) in [
            ("multipart/x-mixed-replace;boundary=x", "application/octet-stream"),
            ("Multipart/X-Mixed-Replace", "application/octet-stream"),
            ("multipart/mixed ; boundary=\"a\"", "application/octet-stream"),
            ("multipart/byteranges; boundary=x", "multipart/byteranges; boundary=x"),
            ("text/html", "text/html"),
        ] {
            let mut headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static(media_type))]);
            headers.insert("idp-signin-status", HeaderValue::from_static("action=signin"));
            confine(&mut headers);
            assert_eq!((headers[CONTENT_TYPE].to_str().unwrap(), headers.len()), (sent, 3), "{media_type}");
        }
    }
}
