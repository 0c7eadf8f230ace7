//! The values of options in the forms in which people have them: each kind of value has one parser.

mod address;
mod duration;
mod fingerprint;
mod host_name;
mod new_file;
mod peer_name;
mod time;
mod token;

pub(super) use address::{local, remote};
pub(super) use duration::{duration, duration_or_zero};
pub(super) use fingerprint::fingerprint;
pub(super) use host_name::{HostName, host_name};
pub(super) use new_file::new_file;
pub(super) use peer_name::{ExpectedName, dns, email, ip, peer_name, uri};
pub(super) use time::time;
pub(super) use token::TokenArgs;
