//! The cryptography of sessions on a PC: AWS-LC, or the core's own code, whichever was chosen.
//!
//! Sessions are generic over a provider of `minipki_core`. The rest of this crate names one of them,
//! [`Chosen`], which asks the choice at each call, so that no other type or function has to.

mod aws;
mod chosen;

pub use aws::AwsLc;
pub use chosen::{Chosen, ProviderKind, choose};
