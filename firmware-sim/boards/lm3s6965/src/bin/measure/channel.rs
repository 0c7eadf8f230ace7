//! The cost of a handshake and of records, with a row for each side; and of Noise XX alone.

use minipki_core::bytes::Secret;
use minipki_core::crypto::{KeyPair, Portable};
use minipki_core::link::{Link, Want};
use minipki_core::noise::{self, ExpectMessage1, SendMessage1};
use minipki_core::session::{Inbound, Initiator, LocalIdentity, Outbound, Responder};
use minipki_core::trust::StatusRule;
use minipki_cortex_m::meter::{Cost, FixedRng, measure};

use crate::fixture::End;
use crate::{Frames, Outcome, Staples, carry, row, row_of};

/// The lengths of a chat message and of a long message, in bytes.
const LENGTHS: [usize; 2] = [64, 1024];

/// The names of the two rows of a handshake.
type Names = [&'static str; 2];

/// Measures a handshake with certificates alone, and the records after it.
pub(crate) fn run(sensor: &End, gateway: &End, frames: &mut Frames) -> Outcome<()> {
    const NAMES: Names = ["handshake: initiator, peer verified", "handshake: responder, peer verified"];
    let left = sensor.local(sensor.certificate, StatusRule::Optional);
    let right = gateway.local(gateway.certificate, StatusRule::Optional);
    handshake(NAMES, sensor.bits, left, right, frames)
}

/// Measures a handshake whose two sides show a status, and demand one.
pub(crate) fn stapled(
    sensor: &End,
    gateway: &End,
    frames: &mut Frames,
    [place1, place2]: &mut Staples,
) -> Outcome<()> {
    const NAMES: Names =
        ["handshake: initiator, peer and status verified", "handshake: responder, peer and status verified"];
    let left = sensor.local(sensor.staple(place1)?, StatusRule::Required);
    let right = gateway.local(gateway.staple(place2)?, StatusRule::Required);
    handshake(NAMES, sensor.bits, left, right, frames)
}

fn handshake(
    names: Names,
    bits: usize,
    left: LocalIdentity<'_>,
    right: LocalIdentity<'_>,
    [rx1, tx1, rx2, tx2]: &mut Frames,
) -> Outcome<()> {
    let records = bits == 2048 && right.status_policy.rule == StatusRule::Optional;
    let (machine, mut initiator) = measure(|| Initiator::new(left, &mut FixedRng));
    let mut left = Link::new(machine, rx1, tx1);
    let (machine, mut responder) = measure(|| Responder::new(right, &mut FixedRng));
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
    let [first, second] = names;
    row_of(bits, first, initiator);
    row_of(bits, second, responder);
    let halves = left.split(|machine| machine.established().map(|open| (open.inbound, open.outbound, ())));
    let (_, mut outbound, ()) = halves.ok_or("handshake")?;
    let halves = right.split(|machine| machine.established().map(|open| (open.inbound, open.outbound, ())));
    let (mut inbound, _, ()) = halves.ok_or("handshake")?;
    if !records {
        return Ok(());
    }
    LENGTHS.iter().try_for_each(|length| record(*length, &mut outbound, &mut inbound))
}

/// Measures a message from one side to the other.
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
    // After the event the link continues to read.
    inbound.want().map(drop).map_err(|_| "open")
}

/// Measures Noise XX alone, without certificates and frames, as other implementations of Noise are measured.
pub(crate) fn noise([message, payload, ..]: &mut Frames) -> Outcome<()> {
    let failed = |_: noise::Error| "noise";
    // The static key pairs are made before the handshake and not measured.
    let ours = KeyPair::from_secret(Portable::new(), Secret::new([0x11; 32]));
    let theirs = KeyPair::from_secret(Portable::new(), Secret::new([0x22; 32]));
    let fresh = || KeyPair::generate(Portable::new(), &mut FixedRng);
    let (mut left, mut right) = (Cost::default(), Cost::default());

    let (begun, cost) = measure(|| SendMessage1::new(b"", ours.clone(), fresh()).write(&[], message));
    left += cost;
    let (expect_2, len) = begun.map_err(failed)?;
    let (answered, cost) = measure(|| {
        let expect_1 = ExpectMessage1::new(b"", theirs.clone(), fresh());
        let (answer, _) = expect_1.read(&mut message[..len])?;
        answer.write(&[], payload)
    });
    right += cost;
    let (expect_3, len) = answered.map_err(failed)?;
    let (finished, cost) = measure(|| {
        let (last, _) = expect_2.read(&mut payload[..len])?;
        last.write(&[], message)
    });
    left += cost;
    let (_, len) = finished.map_err(failed)?;
    let (finished, cost) = measure(|| expect_3.read(&mut message[..len]).map(drop));
    right += cost;
    finished.map_err(failed)?;
    row("Noise XX alone: initiator", left);
    row("Noise XX alone: responder", right);
    Ok(())
}
