//! From a presented token to a caller: remembered, or proved with the issuer's keys.
