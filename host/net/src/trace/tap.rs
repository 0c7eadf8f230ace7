//! The tap: an observer of messages that links and tasks share.

use std::sync::Arc;

use minipki_core::link::{Direction, Observer};

/// An observer that several links and tasks share. It is shown what travels, never a key.
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
