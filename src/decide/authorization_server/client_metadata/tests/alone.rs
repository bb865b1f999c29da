//! Which registered clients may act for themselves.

use serde_json::{Value, json};

use super::{CALLBACK, Code, Grants, RegistrationRequest, TERMS, Terms, document, with};
use crate::decide::authorization_server::registration::ClientAuthMethod;

#[test]
fn e35_b9_attack_220_a_client_acts_for_itself_only_where_the_terms_say_so_and_with_a_credential() {
    let open = Terms { may_act_alone: true, ..TERMS };
    let alone = Grants { code: false, refresh: false, credentials: true };
    let both = Grants { code: true, refresh: true, credentials: true };
    let user = Grants { code: true, refresh: true, credentials: false };
    let invalid = Err(Code::InvalidClientMetadata);
    for (types, method, terms, wanted) in [
        (json!(["client_credentials"]), "client_secret_basic", open, Ok(alone)),
        (json!(["client_credentials", "refresh_token"]), "client_secret_post", open, Ok(alone)),
        (json!(["authorization_code", "refresh_token", "client_credentials"]), "client_secret_post", open, Ok(both)),
        (json!(["client_credentials"]), "none", open, invalid),
        (json!(["client_credentials"]), "client_secret_basic", TERMS, invalid),
        (json!(["authorization_code", "refresh_token", "client_credentials"]), "none", TERMS, Ok(user)),
        (json!([]), "client_secret_basic", open, Ok(user)),
        (json!(["implicit"]), "client_secret_basic", open, invalid),
    ] {
        let members = json!({"grant_types": types, "token_endpoint_auth_method": method});
        let read = RegistrationRequest::read(&with(json!({"redirect_uris": [CALLBACK]}), &members), terms);
        assert_eq!(read.map(|read| read.grants).map_err(|error| error.code), wanted, "{members}");
    }
    // Without redirect URIs, and what it says of them is not looked at.
    for uris in [Value::Null, json!([]), json!(["javascript:alert(1)"])] {
        let members = json!({"grant_types": ["client_credentials"], "redirect_uris": uris});
        let read = RegistrationRequest::read(&with(json!({}), &members), open).unwrap();
        assert_eq!((read.redirect_uris.len(), read.method), (0, ClientAuthMethod::SecretBasic));
        let refused = RegistrationRequest::read(&with(json!({}), &members), TERMS).unwrap_err();
        assert!(refused.description.contains("client_credentials is not allowed here"), "{}", refused.description);
    }
    assert!(document(&json!({"grant_types": ["client_credentials"]})).is_err());
}
