//! Two links joined back to back, with everything that passes on record.

use minipki_core::link::{Link, Machine, Want};
use minipki_core::session;

/// Bytes that one side reads and writes.
pub type Pause = Result<Want, session::Error>;

/// What passed between two links.
#[derive(Default)]
pub struct Record {
    /// From the left link to the right one.
    pub to_right: Vec<u8>,
    /// From the right link to the left one.
    pub to_left: Vec<u8>,
}

impl Record {
    /// Moves bytes until both sides wait for something else than each other's bytes.
    pub fn run<L: Machine<Error = session::Error>, R: Machine<Error = session::Error>>(
        &mut self,
        left: &mut Link<'_, L>,
        right: &mut Link<'_, R>,
    ) -> (Pause, Pause) {
        loop {
            let (l, r) = (left.want(), right.want());
            let moved =
                carry(&l, left, right, &mut self.to_right) + carry(&r, right, left, &mut self.to_left);
            if moved == 0 {
                return (l, r);
            }
        }
    }
}

/// Takes what `from` has to send to where `to` receives.
fn carry<F: Machine<Error = session::Error>, T: Machine<Error = session::Error>>(
    want: &Pause,
    from: &mut Link<'_, F>,
    to: &mut Link<'_, T>,
    record: &mut Vec<u8>,
) -> usize {
    if *want != Ok(Want::Send) {
        return 0;
    }
    let space = to.space();
    let n = from.to_send().len().min(space.len());
    space[..n].copy_from_slice(&from.to_send()[..n]);
    record.extend_from_slice(&space[..n]);
    to.received(n);
    from.sent(n);
    n
}
