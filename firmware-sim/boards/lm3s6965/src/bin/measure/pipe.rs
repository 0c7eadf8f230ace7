//! A wire without a network: from one link's buffer into the other's.

use minipki_core::link::Link;
use minipki_core::session::Machine;

/// Takes what `from` has to send to where `to` receives; the number of bytes.
pub(crate) fn carry<F: Machine, T: Machine>(from: &mut Link<'_, F>, to: &mut Link<'_, T>) -> usize {
    let moved = to.space().iter_mut().zip(from.to_send()).map(|(to, from)| *to = *from).count();
    if moved > 0 {
        to.received(moved);
        from.sent(moved);
    }
    moved
}
