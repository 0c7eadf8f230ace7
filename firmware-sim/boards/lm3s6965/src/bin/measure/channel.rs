//! Both sides of a channel's handshake, then records: each side's work is a row of its own.

use minipki_core::crypto::Portable;
use minipki_core::link::{Link, Want};
use minipki_core::session::{Inbound, Initiator, Outbound, Responder};
use minipki_cortex_m::meter::{FixedRng, measure};

use super::fixture::End;
use super::pipe::carry;
use super::report::{Frames, Outcome, row, row_of};

/// A chat message, and a good part of a frame.
const LENGTHS: [usize; 2] = [64, 1024];

pub(crate) fn run(sensor: &End, gateway: &End, [rx1, tx1, rx2, tx2]: &mut Frames) -> Outcome<()> {
    let (machine, mut initiator) = measure(|| Initiator::new(sensor.local(), &mut FixedRng));
    let mut left = Link::new(machine, rx1, tx1);
    let (machine, mut responder) = measure(|| Responder::new(gateway.local(), &mut FixedRng));
    let mut right = Link::new(machine, rx2, tx2);
    loop {
        let (wants, cost) = measure(|| left.want());
        initiator += cost;
        let (answers, cost) = measure(|| right.want());
        responder += cost;
        wants.and(answers).map_err(|_| "handshake")?;
        if carry(&mut left, &mut right) + carry(&mut right, &mut left) == 0 {
            break;
        }
    }
    row_of(sensor.bits, "handshake: initiator, peer verified", initiator);
    row_of(sensor.bits, "handshake: responder, peer verified", responder);
    if sensor.bits > 2048 {
        return Ok(());
    }
    let halves = left.split(|machine| machine.established().map(|open| (open.inbound, open.outbound, ())));
    let (_, mut outbound, ()) = halves.ok_or("handshake")?;
    let halves = right.split(|machine| machine.established().map(|open| (open.inbound, open.outbound, ())));
    let (mut inbound, _, ()) = halves.ok_or("handshake")?;
    LENGTHS.iter().try_for_each(|length| record(*length, &mut outbound, &mut inbound))
}

/// A message from one side to the other.
fn record(
    length: usize,
    outbound: &mut Link<'_, Outbound<Portable>>,
    inbound: &mut Link<'_, Inbound<Portable>>,
) -> Outcome<()> {
    let message = &[0x42; LENGTHS[1]][..length];
    let (sealed, cost) = measure(|| outbound.send(|channel, out| channel.seal(message, out)));
    sealed.map_err(|_| "seal")?;
    row(if length == LENGTHS[0] { "record: seal 64 B" } else { "record: seal 1 KB" }, cost);
    carry(outbound, inbound);
    let (opened, cost) = measure(|| inbound.want());
    if opened != Ok(Want::Deliver) || inbound.event().is_none() {
        return Err("open");
    }
    row(if length == LENGTHS[0] { "record: open 64 B" } else { "record: open 1 KB" }, cost);
    // Past the event the link reads on.
    inbound.want().map(drop).map_err(|_| "open")
}
