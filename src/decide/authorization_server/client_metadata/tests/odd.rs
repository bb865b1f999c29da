//! Registrations with odd values that RFC 7591 lets the server replace.

use serde_json::json;

use super::{CALLBACK, ClientAuthMethod, RegistrationRequest, TERMS, document, register};

#[test]
fn login_b7_odd_values_of_a_registration_are_replaced() {
    let usual = register(&json!({})).unwrap();
    for members in [
        json!({"client_name": 5}),
        json!({"client_name": ["App"]}),
        json!({"grant_types": ["authorization_code", "refresh_token"], "response_types": "code"}),
        json!({"redirect_uris": CALLBACK}),
        json!({"token_endpoint_auth_method": ""}),
        json!({"token_endpoint_auth_method": 7}),
        json!({"token_endpoint_auth_method": ["none"]}),
        json!({"token_endpoint_auth_method": "client_secret_jwt"}),
        json!({"token_endpoint_auth_method": "tls_client_auth"}),
        json!({"token_endpoint_auth_method": "None"}),
    ] {
        assert_eq!(register(&members).as_ref(), Ok(&usual), "{members}");
    }
    assert_eq!(usual.method, ClientAuthMethod::SecretBasic);
    let code = register(&json!({"grant_types": "authorization_code"})).unwrap();
    assert!(code.grants.code && !code.grants.refresh);
    // A document has no answer that could say so.
    for members in [
        json!({"client_name": 5}),
        json!({"redirect_uris": CALLBACK}),
        json!({"grant_types": "authorization_code"}),
        json!({"response_types": "code"}),
        json!({"token_endpoint_auth_method": ""}),
    ] {
        assert!(document(&members).is_err(), "{members}");
    }
}

#[test]
fn login_b7_a_byte_order_mark_before_a_registration_is_ignored() {
    let body = json!({"redirect_uris": [CALLBACK]}).to_string();
    let read = |text: String| RegistrationRequest::read(text.as_bytes(), TERMS);
    assert_eq!(read(format!("\u{feff}{body}")), read(body.clone()));
    assert!(read(format!("\u{feff}\u{feff}{body}")).is_err());
}
