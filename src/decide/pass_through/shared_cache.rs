//! Keeps an answer that needed a token out of shared caches (SPEC A-70).

use http::{HeaderMap, HeaderName, HeaderValue, header::CACHE_CONTROL};

const PRIVATE: HeaderValue = HeaderValue::from_static("private");
/// Fields that one kind of cache obeys instead of `Cache-Control`, besides those whose names end
/// with it (RFC 9213).
const FOR_CACHES: [HeaderName; 3] = [
    HeaderName::from_static("surrogate-control"),
    HeaderName::from_static("edge-control"),
    HeaderName::from_static("x-accel-expires"),
];

/// Makes an answer private. The upstream did not see a token, so it may have said `public`; what it
/// says about the client's own cache stays.
pub fn keep_out(headers: &mut HeaderMap) {
    for name in &FOR_CACHES {
        headers.remove(name);
    }
    let of_one_cache = |name: &&HeaderName| name.as_str().ends_with("-cache-control");
    while let Some(name) = headers.keys().find(of_one_cache).cloned() {
        headers.remove(name);
    }
    let lines: Vec<&str> = headers.get_all(CACHE_CONTROL).iter().filter_map(|line| line.to_str().ok()).collect();
    let directives = lines.iter().flat_map(|line| line.split(',')).map(str::trim);
    let kept = directives.filter(|directive| !directive.is_empty() && !is_for_shared(directive));
    let whole = std::iter::once("private").chain(kept).collect::<Vec<_>>().join(", ");
    headers.insert(CACHE_CONTROL, HeaderValue::try_from(whole).unwrap_or(PRIVATE));
}

/// RFC 9111 §3.5 and §5.2.2: these let a shared cache keep an answer, or name fields as private
/// only.
fn is_for_shared(directive: &str) -> bool {
    let name = directive.split('=').next().unwrap_or_default().trim();
    ["public", "private", "s-maxage", "proxy-revalidate", "must-revalidate"]
        .iter()
        .any(|of| name.eq_ignore_ascii_case(of))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_b4_a70_an_answer_for_a_caller_is_private() {
        for (lines, expected) in [
            (&[][..], "private"),
            (&["public, max-age=60"], "private, max-age=60"),
            (&["no-store"], "private, no-store"),
            (&["Public", "S-MaxAge=9, immutable"], "private, immutable"),
            (&["must-revalidate, max-age=0"], "private, max-age=0"),
            (&["private=\"x-a\", no-cache"], "private, no-cache"),
            (&[", ,"], "private"),
        ] {
            let mut headers = HeaderMap::new();
            for name in ["cdn-cache-control", "netlify-cdn-cache-control", "x-litespeed-cache-control", "edge-control"]
            {
                headers.insert(name, HeaderValue::from_static("public, max-age=9"));
            }
            for line in lines {
                headers.append(CACHE_CONTROL, HeaderValue::from_static(line));
            }
            keep_out(&mut headers);
            assert_eq!(headers.get_all(CACHE_CONTROL).iter().collect::<Vec<_>>(), [expected], "{lines:?}");
            assert_eq!(headers.len(), 1);
        }
    }
}
