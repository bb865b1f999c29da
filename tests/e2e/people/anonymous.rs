//! Callers without a token, clients that cannot step up, and lists that name the scopes (D1 to D3).

mod denied_as;
