//! Sans-IO machines: a message in, the next state and an event out.
//!
//! A machine has no socket, clock or randomness; those are arguments. A
//! [`Link`](crate::link::Link) feeds it frames, and a driver moves the bytes.
//!
//! | machine | side | ends when |
//! | --- | --- | --- |
//! | [`EnrolClient`] | asks for a certificate | issued or refused |
//! | [`EnrolServer`] | the CA's end of a connection | the client leaves |
//! | [`Initiator`], [`Responder`] | the handshake between peers | both are authenticated |
//! | [`Inbound`], [`Outbound`] | the open channel, a half each | that direction is closed |

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
