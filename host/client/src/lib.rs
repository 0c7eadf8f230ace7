//! The clients: an identity is enrolled once, kept in a folder, and opens channels to others.
//!
//! | start at | for |
//! | --- | --- |
//! | [`IdentityFolder`] | the folder that keeps an identity, from the first try of its enrolment |
//! | [`enrol`] | the certificate for a key from a CA: an [`Identity`] |
//! | [`Identity::load`] | an identity that was kept |
//! | [`connect`], [`Listener`] | a [`Channel`] to a peer that the same CA certified |
//! | [`chat`] | a conversation over it, at a terminal or by a script |

mod anchor;
mod channel;
mod channel_half;
pub mod chat;
mod dial;
mod enrol;
mod error;
mod folder;
mod identity;
mod listener;

pub use anchor::{AnchorError, read_anchor};
pub use channel::{Channel, ChannelOptions, Role, connect, open};
pub use channel_half::{Incoming, Liveness, Outgoing};
pub use dial::{Deadlines, connect_any};
pub use enrol::{EnrolOptions, enrol, enrol_over, proven};
pub use error::{ClientError, Ending, Expiry, Holder};
pub use folder::{IdentityFolder, PendingIdentity};
pub use identity::{Identity, IdentityError, OutOfTime};
pub use listener::Listener;

/// The example of the README.
#[doc = include_str!("../README.md")]
#[cfg(doctest)]
struct Readme;
