//! Noise XX (revision 34) as typestates. Knows no certificate and no JSON.
//!
//! `Noise_XX_25519_ChaChaPoly_SHA256`: both sides send their static key encrypted,
//! and prove that they hold it. A handshake is a chain of states, each consumed by
//! the step to the next:
//!
//! | initiator | | responder |
//! | --- | --- | --- |
//! | [`initiator::SendMessage1`] | `-> e` | [`responder::ExpectMessage1`] |
//! | [`initiator::ExpectMessage2`] | `<- e, ee, s, es` | [`responder::SendMessage2`] |
//! | [`initiator::SendMessage3`] | `-> s, se` | [`responder::ExpectMessage3`] |
//! | [`Transport`] | | [`Transport`] |
//!
//! Start reading at [`initiator`]; `symmetric` and `cipher` are the objects of the
//! specification's §5, under its names. Key pairs and buffers are arguments: there is
//! no randomness and no storage here.

mod cipher;
mod error;
pub mod initiator;
mod message;
pub mod responder;
mod symmetric;
mod transport;

pub use error::Error;
pub use transport::{MESSAGES_PER_KEY, Opener, Sealer, Transport};
