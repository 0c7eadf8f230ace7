//! The clients. An identity is enrolled once, kept in a folder, and opens channels to peers.
//!
//! | start at | for |
//! | --- | --- |
//! | [`IdentityFolder`] | the folder of an identity, from the first attempt to enrol |
//! | [`enrol`] | an [`Identity`]: a key and a CA's certificate for it |
//! | [`Identity::load`] | an identity from its folder |
//! | [`connect`], [`Listener`] | a [`Channel`] to a peer that the same CA certified |
//! | [`chat`] | a conversation over a channel, at a terminal or by a script |

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
