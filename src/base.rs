//! Types and small tools that every layer uses: names, secrets, limits, digests, time. Pure.

pub mod address_range;
pub mod clock;
pub mod date;
pub mod digest;
pub mod file_stamp;
pub mod limits;
pub mod media;
pub mod names;
pub mod peer;
pub mod percent;
pub mod secret;
pub mod shown;
pub mod shown_uri;
pub mod text;
pub mod version;
pub mod web_origin;
