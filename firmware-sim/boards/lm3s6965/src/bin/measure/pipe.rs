//! A wire without a network: from one link's buffer into the other's.

use minipki_core::link::{Link, Machine};
use minipki_core::session;

/// Takes what `from` has to send to where `to` receives; the number of bytes.
pub(crate) fn carry<F: Machine<Error = session::Error>, T: Machine<Error = session::Error>>(
    from: &mut Link<'_, F>,
    to: &mut Link<'_, T>,
) -> usize {
    let moved = to.space().iter_mut().zip(from.to_send()).map(|(to, from)| *to = *from).count();
    if moved > 0 {
        to.received(moved);
        from.sent(moved);
    }
    moved
}
