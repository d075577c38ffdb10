//! Access control: callers and their keys, rate limits, signed links to files, and the secret that keys and links
//! depend on.

pub mod caller;
pub mod database_secret;
pub mod file_links;
pub mod keys;
pub mod rates;
