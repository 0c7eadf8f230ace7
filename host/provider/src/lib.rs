//! The cryptography of sessions on a PC: AWS-LC, or the core's own code.
//!
//! The choice is a value, [`HostProvider`]. Whoever makes a key pair, a machine or a verifier hands it in.

mod aws;
mod host_provider;

pub use aws::AwsLc;
pub use host_provider::HostProvider;
