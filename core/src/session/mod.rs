//! Sans-IO machines: a message in, the next state and an event out.
//!
//! A machine knows neither sockets nor clocks nor randomness; those are
//! arguments. [`Link`](crate::link::Link) feeds it frames, a driver moves the bytes.
//!
//! | machine | side | ends when |
//! | --- | --- | --- |
//! | [`EnrolClient`] | asks for a certificate | granted or refused |
//! | [`EnrolServer`] | the CA's end of a connection | the client leaves |
//! | [`Initiator`], [`Responder`] | the handshake between peers | both are authenticated |
//! | [`Inbound`], [`Outbound`] | the open channel, a half each | that direction is closed |

mod channel_initiator;
mod channel_open;
mod channel_responder;
mod enrol_client;
mod enrol_server;
mod fault;
mod handshake;
mod machine;
mod peer;
mod proof;

pub use channel_initiator::Initiator;
pub use channel_open::{Inbound, Outbound, Received};
pub use channel_responder::Responder;
pub use enrol_client::{EnrolClient, EnrolForm, EnrolOutcome, Enrolment};
pub use enrol_server::{Asked, EnrolServer};
pub use fault::Fault;
pub use machine::{Machine, Next};
pub use peer::{Established, LocalIdentity, Peer};
