//! Tokens by every identity provider: audiences, subjects, issuers and vendors (A2, A3, A6, A7).

mod marks;
