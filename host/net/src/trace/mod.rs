//! The observation of messages: explanations, a printer, a capture, and observers that several links share.

pub mod explain;
mod explain_messages;
mod pcap;
pub mod places;
pub mod printer;
pub mod reading;
pub mod x509;

use std::sync::Arc;

use minipki_core::link::{Direction, Observer};

pub use explain::printable;
pub use pcap::{CAPTURE_HEADER, Capture, OnFailure};
pub use printer::Printer;
pub use reading::Reading;

/// An observer that several links and tasks share. It sees messages, and never a key.
pub trait Tap: Observer + Send + Sync {}

impl<T: Observer + Send + Sync> Tap for T {}

/// Makes an observer for each connection.
pub trait TapSource: Send + Sync {
    /// The observer of one more connection. `listens` says whether this side is the one that listens.
    fn connection(&self, listens: bool) -> Arc<dyn Tap>;
}

/// The observer of one link: a tap, if there is one.
#[derive(Clone)]
pub struct Tapped(pub Option<Arc<dyn Tap>>);

impl Observer for Tapped {
    fn frame(&self, direction: Direction, body: &[u8]) {
        if let Some(tap) = &self.0 {
            tap.frame(direction, body);
        }
    }

    fn plaintext(&self, direction: Direction, text: &[u8]) {
        if let Some(tap) = &self.0 {
            tap.plaintext(direction, text);
        }
    }
}
