//! Which published keys may verify, and which are tried (SPEC B-31, B-35, B-36, B-41).

use serde_json::json;

use super::*;
use crate::decide::token::testing::{ED25519, FOREIGN_KEY, P256, P384, RSA, base64url, key_set, read_keys, with};

fn keys(list: &[Value]) -> Vec<u8> {
    json!({ "keys": list }).to_string().into_bytes()
}

#[test]
fn b31_each_kind_of_key_verifies_its_own_algorithms() {
    let set = key_set();
    let cases: [(&str, &[Algorithm]); 4] = [
        ("rsa", AlgorithmFamily::Rsa.algorithms()),
        ("p256", &[Algorithm::ES256]),
        ("p384", &[Algorithm::ES384]),
        ("ed", &[Algorithm::EdDSA]),
    ];
    assert_eq!((set.len(), set.skipped(), set.is_empty()), (4, 0, false));
    for (kid, algorithms) in cases {
        for family in [AlgorithmFamily::Rsa, AlgorithmFamily::Ec, AlgorithmFamily::Ed, AlgorithmFamily::Hmac] {
            for algorithm in family.algorithms() {
                let found = set.candidates(Some(kid), *algorithm).count();
                assert_eq!(found == 1, algorithms.contains(algorithm), "{kid} {algorithm:?}");
            }
        }
    }
}

#[test]
fn attack_092_unusable_keys_are_skipped_and_counted() {
    let rsa = |changes| with(&RSA.jwk(), &changes);
    let ec = |changes| with(&P256.jwk(), &changes);
    let ed = |changes| with(&ED25519.jwk(), &changes);
    // The right point, split at the wrong place: 31 and 33 octets.
    let coordinate = |name: &str| URL_SAFE_NO_PAD.decode(P256.jwk()[name].as_str().unwrap()).unwrap();
    let point = [coordinate("x"), coordinate("y")].concat();
    let (short, long) = point.split_at(31);
    let ones = |length: usize| base64url(&vec![0xFF; length]);
    let bad = [
        json!({"kty": "oct", "kid": "k", "k": "AAAA"}),
        json!({"kty": "oct", "kid": "k"}),
        json!({"kty": "AKP", "alg": "ML-DSA-65", "pub": "AAAA"}),
        json!({}),
        json!({"kty": 5}),
        json!("RSA"),
        json!(null),
        rsa(json!({"kty": "rsa"})),
        rsa(json!({"d": "AQAB"})),
        rsa(json!({"p": ""})),
        ec(json!({"d": "AAAA"})),
        ed(json!({"d": "AAAA"})),
        rsa(json!({"use": "enc"})),
        rsa(json!({"use": "SIG"})),
        rsa(json!({"use": ["sig"]})),
        rsa(json!({"key_ops": ["encrypt"]})),
        rsa(json!({"key_ops": []})),
        rsa(json!({"key_ops": "verify"})),
        rsa(json!({"kid": 5})),
        rsa(json!({"kid": "k".repeat(KID_BYTES_MAX + 1)})),
        rsa(json!({"alg": "HS256"})),
        rsa(json!({"alg": "none"})),
        rsa(json!({"alg": "RSA-OAEP"})),
        rsa(json!({"alg": "rs256"})),
        rsa(json!({"alg": "ES256"})),
        rsa(json!({"alg": ["RS256"]})),
        ec(json!({"alg": "ES384"})),
        ec(json!({"alg": "RS256"})),
        ed(json!({"alg": "ES256"})),
        rsa(json!({"n": null})),
        rsa(json!({"n": ""})),
        rsa(json!({"n": "!!"})),
        rsa(json!({"n": ones(128)})),
        rsa(json!({"n": ones(255)})),
        rsa(json!({"n": base64url(&[[0x7F].as_slice(), &[0xFF; 255]].concat())})),
        rsa(json!({"n": ones(1025)})),
        rsa(json!({"n": base64url(&[[0xFF; 255].as_slice(), &[0xFE]].concat())})),
        rsa(json!({"e": null})),
        rsa(json!({"e": ""})),
        rsa(json!({"e": "AA"})),
        rsa(json!({"e": "AQ"})),
        rsa(json!({"e": "Ag"})),
        rsa(json!({"e": "AQAA"})),
        rsa(json!({"e": ones(5)})),
        rsa(json!({"e": ones(256)})),
        ec(json!({"crv": "P-521"})),
        ec(json!({"crv": "secp256k1"})),
        ec(json!({"crv": "P-384"})),
        ec(json!({"crv": null})),
        ec(json!({"x": ones(32)})),
        ec(json!({"x": ones(31)})),
        ec(json!({"y": ones(33)})),
        ec(json!({"y": null})),
        ec(json!({"x": base64url(short), "y": base64url(long)})),
        ec(json!({"x": base64url(&[0; 32]), "y": base64url(&[0; 32])})),
        ed(json!({"crv": "X25519"})),
        ed(json!({"crv": "Ed448"})),
        ed(json!({"x": ""})),
        ed(json!({"x": ones(31)})),
        ed(json!({"x": ones(33)})),
        ed(json!({"x": null})),
    ];
    for entry in &bad {
        assert_eq!(KeySet::read(&keys(std::slice::from_ref(entry))).err(), Some(KeySetFault::NoUsableKey), "{entry}");
        let set = KeySet::read(&keys(&[entry.clone(), P384.jwk()])).unwrap();
        assert_eq!((set.len(), set.skipped()), (1, 1), "{entry}");
    }
}

#[test]
fn b31_optional_members_that_permit_verifying() {
    let modulus = URL_SAFE_NO_PAD.decode(RSA.jwk()["n"].as_str().unwrap()).unwrap();
    let signed = base64url(&[[0].as_slice(), &modulus].concat());
    for entry in [
        with(
            &RSA.jwk(),
            &json!({"use": "sig", "key_ops": ["sign", "verify"], "alg": "PS256", "x5c": ["AA"], "x5t": "x"}),
        ),
        with(&RSA.jwk(), &json!({"alg": "PS256", "e": "AAEAAQ"})),
        with(&RSA.jwk(), &json!({"alg": "PS256", "n": signed})),
    ] {
        let set = read_keys(std::slice::from_ref(&entry));
        assert_eq!(set.candidates(Some("rsa"), Algorithm::PS256).count(), 1, "{entry}");
        assert_eq!(set.candidates(Some("rsa"), Algorithm::RS256).count(), 0, "{entry}");
    }
    let named = read_keys(&[with(&ED25519.jwk(), &json!({"alg": "Ed25519"}))]);
    assert_eq!(named.candidates(None, Algorithm::EdDSA).count(), 1);
}

#[test]
fn b41_a_document_that_is_no_key_set() {
    let key = P256.jwk().to_string();
    let cases: [(&str, Vec<u8>, KeySetFault); 13] = [
        ("nothing", Vec::new(), KeySetFault::Malformed),
        ("HTML", b"<html>".to_vec(), KeySetFault::Malformed),
        ("a list", format!("[{key}]").into_bytes(), KeySetFault::Malformed),
        ("no keys", b"{}".to_vec(), KeySetFault::Malformed),
        ("keys is no list", format!(r#"{{"keys":{key}}}"#).into_bytes(), KeySetFault::Malformed),
        ("two lists", format!(r#"{{"keys":[],"keys":[{key}]}}"#).into_bytes(), KeySetFault::Malformed),
        (
            "two lists, one by escape",
            format!(r#"{{"keys":[],"k\u0065ys":[{key}]}}"#).into_bytes(),
            KeySetFault::Malformed,
        ),
        ("duplicate inside", br#"{"keys":[{"kty":"RSA","kty":"EC"}]}"#.to_vec(), KeySetFault::NoUsableKey),
        ("two BOMs", format!("\u{feff}\u{feff}{{\"keys\":[{key}]}}").into_bytes(), KeySetFault::Malformed),
        ("trailing data", format!(r#"{{"keys":[{key}]}}x"#).into_bytes(), KeySetFault::Malformed),
        ("empty list", br#"{"keys":[]}"#.to_vec(), KeySetFault::NoUsableKey),
        ("too many", keys(&vec![P256.jwk(); JWKS_KEYS_MAX + 1]), KeySetFault::TooManyKeys),
        ("too large", vec![b' '; JWKS_BYTES_MAX + 1], KeySetFault::TooLarge),
    ];
    for (case, document, fault) in cases {
        assert_eq!(KeySet::read(&document).err(), Some(fault), "{case}");
    }
    assert_eq!(KeySet::read(&keys(&vec![P256.jwk(); JWKS_KEYS_MAX])).map(|set| set.len()).ok(), Some(JWKS_KEYS_MAX));
}

#[test]
fn people_a9_what_has_one_meaning_is_read() {
    let key = P256.jwk();
    let text = key.to_string();
    let set = format!(r#"{{"keys":[{text}]}}"#);
    let coordinate = key["x"].as_str().unwrap();
    let inside = |more: &str| format!(r#"{{"keys":[{},{more}}}]}}"#, text.trim_end_matches('}'));
    let padded = with(&key, &json!({"x": format!("{coordinate}="), "y": format!("{}==", key["y"].as_str().unwrap())}));
    let other_letters = with(&key, &json!({"x": coordinate.replace('-', "+").replace('_', "/")}));
    let nulls = r#""use":null,"key_ops":null,"alg":null,"d":null,"k":null,"oth":null"#;
    let deep = format!(r#""x5c":{}{}"#, "[".repeat(100), "]".repeat(100));
    for (case, document) in [
        ("BOM", format!("\u{feff}{set}")),
        ("BOM and spaces", format!("\u{feff}\r\n {set}\n")),
        ("the same list twice", format!(r#"{{"keys":[{text}],"keys":[{text}]}}"#)),
        (
            "other members, twice and deep",
            format!(r#"{{"a":1,"a":2,"b":{}{},"keys":[{text}]}}"#, "[".repeat(9_000), "]".repeat(9_000)),
        ),
        ("a bare key", text.clone()),
        ("a bare key with a BOM", format!("\u{feff}{text}")),
        ("padding", json!({"keys": [padded]}).to_string()),
        ("the letters of base64", json!({"keys": [other_letters]}).to_string()),
        ("a member twice, the same", inside(&format!(r#""x":"{coordinate}","crv":"P-256""#))),
        ("a member twice, once by escape", inside(r#""cr\u0076":"P-256""#)),
        ("members that say nothing", inside(nulls)),
        ("a deep member", inside(&deep)),
    ] {
        let set = KeySet::read(document.as_bytes()).unwrap_or_else(|fault| panic!("{case}: {fault}"));
        assert_eq!((set.len(), set.skipped()), (1, 0), "{case}");
    }
}

#[test]
fn people_a9_an_odd_key_disables_no_other_and_is_named_with_the_reason() {
    let good = ED25519.jwk().to_string();
    let rsa = |members: Value| with(&RSA.jwk(), &members).to_string();
    let twice = |more: &str| format!("{},{more}}}", RSA.jwk().to_string().trim_end_matches('}'));
    let deep = format!("{}{}", "[".repeat(200), "]".repeat(200));
    let long = "k".repeat(300);
    let secret = "sig".repeat(40_000);
    for (odd, name, why, is_odd) in [
        (twice(r#""n":"AQAB""#), "\"rsa\" (keys[0])", "its member \"n\" has two values", true),
        (twice(r#""alg":"RS256","alg":"PS256""#), "\"rsa\" (keys[0])", "its member \"alg\" has two values", true),
        (twice(r#""kid":"other""#), "\"rsa\" (keys[0])", "its member \"kid\" has two values", true),
        (twice(r#""d":null,"d":"AQAB""#), "\"rsa\" (keys[0])", "its member \"d\" has two values", true),
        ("5".to_owned(), "keys[0]", "it is not an object", true),
        (format!(r#"{{"kid":{deep}}}"#), "keys[0]", "its JSON cannot be read", true),
        (twice(r#""x":"\ud800""#), "keys[0]", "its JSON cannot be read", true),
        (twice(r#""x":1e999"#), "keys[0]", "its JSON cannot be read", true),
        (
            rsa(json!({"d": "AQAB"})),
            "\"rsa\" (keys[0])",
            "it is a private or symmetric key, which must never be published",
            true,
        ),
        (rsa(json!({"n": "!"})), "\"rsa\" (keys[0])", "its `n` is not base64url", true),
        (rsa(json!({"n": null})), "\"rsa\" (keys[0])", "it has no `n`", true),
        (rsa(json!({"kid": 5})), "keys[0]", "its `kid` is not text", true),
        (
            rsa(json!({"kid": long})),
            &format!("{:?} (keys[0])", "k".repeat(64)),
            "its `kid` is longer than 256 bytes",
            true,
        ),
        (
            rsa(json!({"kid": "a\n\u{202e}b", "e": "AA"})),
            r#""a\n\u{202e}b" (keys[0])"#,
            "its `e` is not an odd number from 3 to 4294967295",
            true,
        ),
        (rsa(json!({"use": "enc"})), "\"rsa\" (keys[0])", "its `use` is not \"sig\"", false),
        (rsa(json!({"use": secret})), "\"rsa\" (keys[0])", "its `use` is not \"sig\"", false),
        (rsa(json!({"key_ops": ["encrypt"]})), "\"rsa\" (keys[0])", "its `key_ops` lacks \"verify\"", false),
        (rsa(json!({"alg": "RSA-OAEP"})), "\"rsa\" (keys[0])", "its `alg` is not supported for its `kty`", false),
        (json!({"kty": "AKP"}).to_string(), "keys[0]", "its `kty` is not supported: RSA, EC and OKP are", false),
    ] {
        let document = format!(r#"{{"keys":[{odd},{good}]}}"#);
        let set = KeySet::read(document.as_bytes()).unwrap();
        assert_eq!((set.len(), set.candidates(Some("ed"), Algorithm::EdDSA).count()), (1, 1), "{odd:.99}");
        let [unused] = set.unused() else { panic!("{odd:.99}") };
        assert_eq!((unused.name().as_str(), unused.why(), unused.is_odd()), (name, why, is_odd), "{odd:.99}");
    }
}

#[test]
fn b35_b36_which_keys_are_tried() {
    let nameless = with(&FOREIGN_KEY.jwk(), &json!({"kid": null}));
    let twin = with(&FOREIGN_KEY.jwk(), &json!({"kid": "p256"}));
    let set = read_keys(&[P256.jwk(), twin, nameless.clone(), P384.jwk(), RSA.jwk()]);
    let tried = |kid: Option<&str>, algorithm| set.candidates(kid, algorithm).count();
    assert_eq!(tried(Some("p256"), Algorithm::ES256), 2, "a name used twice");
    assert_eq!(tried(None, Algorithm::ES256), 3, "no name: all of the kind");
    assert_eq!(tried(Some("p256"), Algorithm::ES384), 0, "another curve");
    for kid in ["P256", "p256 ", "p25", "", "../../dev/null", "' OR '1'='1", "\0", "|cat /etc/passwd"] {
        assert_eq!(tried(Some(kid), Algorithm::ES256), 0, "{kid:?}");
        assert!(!set.knows(kid), "{kid:?}");
    }
    assert!(set.knows("p256") && set.knows("rsa"));

    // People A9: where no key has a name, the token's name says nothing.
    let only_nameless = read_keys(std::slice::from_ref(&nameless));
    assert_eq!(only_nameless.candidates(Some("p256"), Algorithm::ES256).count(), 1);
    assert_eq!(only_nameless.candidates(Some("p256"), Algorithm::ES384).count(), 0);
    assert_eq!(only_nameless.candidates(None, Algorithm::ES256).count(), 1);
    assert!(!only_nameless.knows("p256"), "a newer set may name it");
    let many_nameless = read_keys(&vec![nameless; JWKS_KEYS_MAX]);
    assert_eq!(many_nameless.candidates(Some("x"), Algorithm::ES256).count(), KEYS_TRIED_MAX);

    let many = read_keys(&vec![P256.jwk(); JWKS_KEYS_MAX]);
    assert_eq!(many.candidates(None, Algorithm::ES256).count(), KEYS_TRIED_MAX);
    assert_eq!(many.candidates(Some("p256"), Algorithm::ES256).count(), KEYS_TRIED_MAX);
}

#[test]
fn b30_algorithm_names_are_compared_exactly_and_only_asymmetric_ones_exist() {
    for name in ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA"] {
        assert_eq!(asymmetric(name), name.parse().ok(), "{name}");
    }
    assert_eq!(asymmetric("Ed25519"), Some(Algorithm::EdDSA));
    for name in [
        "none", "None", "nOnE", "NONE", "", "HS256", "HS384", "HS512", "rs256", "Rs256", "RS256 ", "eddsa", "Ed448",
        "ES512", "ES256K",
    ] {
        assert_eq!(asymmetric(name), None, "{name}");
    }
}
