//! Sans-IO machines: a message in, the next state and an event out.
//!
//! A machine has no socket, clock or random generator: messages, the time and randomness are arguments. A
//! [`Link`](crate::link::Link) gives it the bodies of frames, and a driver moves the bytes.
//!
//! | machine | side | ends when |
//! | --- | --- | --- |
//! | [`EnrolClient`] | asks for a certificate, or renews one | issued or refused |
//! | [`RevokeClient`] | revokes its own certificate | revoked or refused |
//! | [`StatusClient`] | asks for the status of a certificate | answered or refused |
//! | [`AnchorsClient`] | asks for the changes of the CA's key | answered or refused |
//! | [`X509Client`] | asks for the X.509 twin of a certificate | answered or refused |
//! | [`CaServer`] | the CA's end of a connection | the client leaves |
//! | [`Initiator`], [`Responder`] | the handshake between peers | both are authenticated |
//! | [`Inbound`], [`Outbound`] | the two halves of an open channel | that direction is closed |

mod anchors;
mod ca_client;
mod ca_server;
mod channel;
mod enrolment;
mod error;
mod handshake;
mod possession;
mod revocation;
mod x509;

pub use anchors::{AnchorsClient, AnchorsOutcome, AnchorsQuery};
pub use ca_client::{CaClient, CaRequest, RequestForm};
pub use ca_server::{CaServer, Claim, ClientRequest};
pub use channel::{Inbound, Outbound, Received};
pub use enrolment::{EnrolClient, EnrolForm, EnrolOutcome, Enrolment};
pub use error::{Error, PeerMisbehaved};
pub use handshake::{Established, Initiator, LocalIdentity, Peer, Responder};
pub use possession::{PossessionProof, RenewalProof, RevocationProof};
pub use revocation::{
    HolderRevocation, RevokeClient, RevokeOutcome, StatusClient, StatusOutcome, StatusQuery,
};
pub use x509::{X509Client, X509Outcome, X509Query};
