//! Sans-IO machines: a message in, the next state and an event out.
//!
//! A machine has no socket, clock or random generator: messages, the time and randomness are arguments. A
//! [`Link`](crate::link::Link) gives it the bodies of frames, and a driver moves the bytes.
//!
//! | machine | side | ends when |
//! | --- | --- | --- |
//! | [`EnrolClient`] | asks for a certificate | issued or refused |
//! | [`EnrolServer`] | the CA's end of a connection | the client leaves |
//! | [`Initiator`], [`Responder`] | the handshake between peers | both are authenticated |
//! | [`Inbound`], [`Outbound`] | the two halves of an open channel | that direction is closed |

mod channel;
mod enrol_client;
mod enrol_server;
mod error;
mod handshake;
mod possession;

pub use channel::{Inbound, Outbound, Received};
pub use enrol_client::{EnrolClient, EnrolForm, EnrolOutcome, Enrolment};
pub use enrol_server::{EnrolEvent, EnrolServer};
pub use error::{Error, PeerMisbehaved};
pub use handshake::{Established, Initiator, LocalIdentity, Peer, Responder};
pub use possession::PossessionProof;
