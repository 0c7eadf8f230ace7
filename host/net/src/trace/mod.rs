//! What passes on a connection, for whoever wants to watch.

pub mod explain;
mod explain_messages;
pub mod places;
pub mod printer;
pub mod reading;
mod tap;

pub use explain::printable;
pub use printer::Printer;
pub use reading::Reading;
pub use tap::{Tap, Tapped};
