//! The observation of messages: explanations, a printer, and observers that several links share.

pub mod explain;
mod explain_messages;
pub mod places;
pub mod printer;
pub mod reading;

use std::sync::Arc;

use minipki_core::link::{Direction, Observer};

pub use explain::printable;
pub use printer::Printer;
pub use reading::Reading;

/// An observer that several links and tasks share. It sees messages, and never a key.
pub trait Tap: Observer + Send + Sync {}

impl<T: Observer + Send + Sync> Tap for T {}

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
