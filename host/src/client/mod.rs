//! The clients: an identity is enrolled once, kept in a folder, and opens channels to others.
//!
//! | start at | for |
//! | --- | --- |
//! | [`enrol`] | a key and its certificate from a CA: an [`Identity`] |
//! | [`NewFolder`], [`Identity::load`] | the folder that keeps it |
//! | [`connect`], [`Listener`] | a [`Channel`] to a peer that the same CA certified |
//! | [`chat`] | a conversation over it, at a terminal or by a script |

mod anchor;
mod channel;
pub mod chat;
mod dial;
mod enrol;
mod error;
mod folder;
mod half;
mod identity;
mod listener;

pub use anchor::{AnchorError, read_anchor};
pub use channel::{Channel, ChannelOptions, Expiry, Holder, Role, connect, open};
pub use dial::{Deadlines, connect_any};
pub use enrol::{EnrolOptions, enrol, enrol_over, proven};
pub use error::{ClientError, Ending};
pub use folder::NewFolder;
pub use half::{Incoming, Liveness, Outgoing};
pub use identity::{Identity, IdentityError};
pub use listener::Listener;
