//! The clients. An identity is enrolled once, kept in a folder, and opens channels to peers.
//!
//! | start at | for |
//! | --- | --- |
//! | [`IdentityFolder`] | the folder of an identity, from the first attempt to enrol |
//! | [`enrol`] | an [`Identity`]: a key and a CA's certificate for it |
//! | [`Identity::load`] | an identity from its folder |
//! | [`Renewal`] | a new certificate for an identity in its folder |
//! | [`fetch_status`], [`revoke`] | the revocation status of a certificate, and the revocation of one's own |
//! | [`Identity::keep_twin`] | the X.509 twin of a certificate |
//! | [`fetch_anchor`], [`Identity::follow_ca`] | the changes of the CA's key |
//! | [`connect`], [`Listener`] | a [`Channel`] to a peer that the same CA certified |
//! | [`chat`] | a conversation over a channel, at a terminal or by a script |

mod anchor;
mod anchor_update;
mod ask;
mod ca_address;
mod channel;
mod channel_half;
pub mod chat;
mod current;
mod dial;
mod enrol;
mod error;
mod file_kind;
mod folder;
mod folder_names;
mod identity;
mod identity_error;
mod key_file;
mod listener;
mod passphrase_change;
mod peer_check;
mod renewal;
mod renewal_lock;
mod status;
mod twin;

pub use anchor::{AnchorError, read_anchor};
pub use anchor_update::fetch_anchor;
pub use ask::CaContact;
pub use ca_address::{load_ca_address, store_ca_address};
pub use channel::{Channel, ChannelOptions, Role, connect, open};
pub use channel_half::{Incoming, Liveness, Outgoing};
pub use current::CurrentIdentity;
pub use dial::{Deadlines, connect_any};
pub use enrol::{EnrolOptions, enrol, enrol_over, proven};
pub use error::{ClientError, Ending, Expiry, Holder};
pub use file_kind::{ExpectedFile, FileKind, OtherKind, in_folder};
pub use folder::{IdentityFolder, PendingIdentity};
pub use identity::{CERTIFICATE as CERTIFICATE_FILE, Identity, refuse_ca_folder};
pub use identity_error::{IdentityError, OutOfTime};
pub use key_file::{KEY as KEY_FILE, KeyOptions, read as read_key};
pub use listener::Listener;
pub use passphrase_change::change_passphrase;
pub use peer_check::PeerCheck;
pub use renewal::Renewal;
pub use status::{STATUS as STATUS_FILE, fetch_status, revoke, revoke_over};
pub use twin::TWIN as TWIN_FILE;

/// The example of the README.
#[doc = include_str!("../README.md")]
#[cfg(doctest)]
struct Readme;
