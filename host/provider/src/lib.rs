//! The cryptography of sessions on a PC: AWS-LC, or the core's own code. The value of [`HostProvider`] selects it.

mod aws;
mod host_provider;

pub use aws::AwsLc;
pub use host_provider::HostProvider;
