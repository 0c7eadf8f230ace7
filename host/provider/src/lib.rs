//! The cryptography of a PC: AWS-LC, or the core's own code. For sessions, the value of [`HostProvider`] selects it. For
//! X.509, [`x509`] has the algorithms of AWS-LC.

mod aws;
mod host_provider;
pub mod x509;

pub use aws::AwsLc;
pub use host_provider::HostProvider;
