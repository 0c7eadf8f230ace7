//! What MiniPKI's work costs on this chip: two stored identities, `first=FOLDER` and `second=FOLDER`, meet in memory.
#![no_std]
#![no_main]

use core::ffi::CStr;

use cortex_m::peripheral::Peripherals;
use cortex_m_rt::entry;
use minipki_core::bytes::Secret;
use minipki_core::cert::{self, Anchor, Certificate};
use minipki_core::crypto::{Fingerprint, KeyPair, Portable, Provider, rsa};
use minipki_core::limits::{CERTIFICATE, FRAME, KEY, RSA_BYTES};
use minipki_core::link::{Link, Want};
use minipki_core::session::{Inbound, Initiator, Local, Machine, Outbound, Responder};
use minipki_core::text::{Now, UnixTime};
use minipki_cortex_m::arguments::{self, Arguments};
use minipki_cortex_m::entropy::HostEntropy;
use minipki_cortex_m::meter::{self, Cost, measure};
use minipki_cortex_m::semihosting::{exit, print};
use minipki_cortex_m::storage::Storage;
use minipki_cortex_m::{boot, memory};
use minipki_device_app::{IDENTITY, Record};
use minipki_lm3s6965::CHIP;

/// Names of the program's failures, which are all of its surroundings.
type Outcome<T> = Result<T, &'static str>;

type Frame = [u8; FRAME];

#[entry]
fn main() -> ! {
    static mut LINE: [u8; arguments::LENGTH] = [0; arguments::LENGTH];
    static mut IDENTITIES: [[u8; IDENTITY]; 2] = [[0; IDENTITY]; 2];
    static mut FRAMES: [Frame; 4] = [[0; FRAME]; 4];

    match run(boot::arguments(LINE), IDENTITIES, FRAMES) {
        Ok(()) => exit(0),
        Err(what) => {
            print(format_args!("failed: {what}"));
            exit(1)
        }
    }
}

fn run(
    arguments: Arguments<'static>,
    [first, second]: &mut [[u8; IDENTITY]; 2],
    frames: &mut [Frame; 4],
) -> Outcome<()> {
    let peripherals = Peripherals::take().ok_or("started twice")?;
    memory::protect(peripherals.MPU, &CHIP.memory);
    meter::start(peripherals.SYST);
    let mut rng = HostEntropy::open(entropy_file(arguments)).ok_or("no entropy")?;

    let (key, cost) = measure(|| KeyPair::<Portable>::generate(&mut rng));
    row("key pair", cost);
    let (agreed, cost) = measure(|| key.agree(key.public()));
    agreed.map_err(|_| "agreement")?;
    row("X25519 agreement", cost);

    let first = identity(arguments, "first", first)?;
    let second = identity(arguments, "second", second)?;
    certificate(&first)?;
    handshake(&first, &second, frames, &mut rng)
}

fn entropy_file(arguments: Arguments<'_>) -> &'static CStr {
    // Fixed bytes, where a run is to be repeated to the instruction.
    if arguments.get("entropy") == Some("zero") { c"/dev/zero" } else { c"/dev/urandom" }
}

fn row(name: &str, cost: Cost) {
    print(format_args!("{name:<44} {cost}"));
}

struct Identity<'m> {
    key: KeyPair,
    fingerprint: Fingerprint,
    certificate: &'m [u8],
}

impl Identity<'_> {
    fn local<'a>(&'a self, anchor: &'a Anchor, now: Now) -> Local<'a> {
        Local { key: &self.key, certificate: self.certificate, anchor, now, peer: None }
    }
}

fn identity<'m>(
    arguments: Arguments<'static>,
    which: &str,
    memory: &'m mut [u8; IDENTITY],
) -> Outcome<Identity<'m>> {
    let folder = arguments.get(which).ok_or("first= and second= are needed")?;
    let length = Storage::new(folder).load(Record::Identity, memory).ok_or("no identity there")?;
    let (secret, rest) = memory.split_first_chunk::<KEY>().ok_or("short")?;
    let (fingerprint, certificate) = rest.split_first_chunk::<KEY>().ok_or("short")?;
    Ok(Identity {
        key: KeyPair::<Portable>::from_secret(Secret::new(*secret)),
        fingerprint: Fingerprint(*fingerprint),
        certificate: certificate.get(..length.saturating_sub(2 * KEY)).ok_or("short")?,
    })
}

/// Reads and verifies a certificate, and the RSA signature alone.
fn certificate(identity: &Identity<'_>) -> Outcome<()> {
    let (parsed, cost) = measure(|| Certificate::parse(identity.certificate));
    let parsed = parsed.map_err(|_| "parse")?;
    row("certificate: parse", cost);

    let anchor = Anchor::from_fingerprint(identity.fingerprint);
    let now = Now::Exact(parsed.validity().not_before());
    let (verified, cost) = measure(|| cert::verify::<Portable>(&anchor, &parsed, now).is_ok());
    verified.then_some(()).ok_or("verify")?;
    row("certificate: verify under a fingerprint", cost);

    let mut der = [0; CERTIFICATE];
    let key = parsed.issuer_key().map_err(|_| "issuer key")?;
    key.write_spki_der(&mut der).map_err(|_| "issuer key")?;
    let mut signature = [0; RSA_BYTES];
    let signature = parsed.signature(&mut signature).map_err(|_| "signature")?;
    let digest = Portable::sha256(&parsed.signed_slices());
    let (verified, cost) =
        measure(|| Portable::verify_pss_sha256(&key, &digest, signature, rsa::SaltLength::AtLeast(32)));
    verified.map_err(|_| "RSA")?;
    print(format_args!("{:<44} RSA-{}", "its key", key.size().bits()));
    row("RSASSA-PSS verify", cost);
    Ok(())
}

/// Both sides of a handshake, then records: each side's work is its own row.
fn handshake(
    first: &Identity<'_>,
    second: &Identity<'_>,
    [rx1, tx1, rx2, tx2]: &mut [Frame; 4],
    rng: &mut HostEntropy,
) -> Outcome<()> {
    let anchor = Anchor::from_fingerprint(first.fingerprint);
    let valid = |identity: &Identity<'_>| -> Outcome<UnixTime> {
        let parsed = Certificate::parse(identity.certificate);
        parsed.map(|certificate| certificate.validity().not_before()).map_err(|_| "parse")
    };
    let now = Now::Exact(valid(first)?.max(valid(second)?));
    let ours = first.local(&anchor, now);
    let theirs = second.local(&anchor, now);
    let (machine, mut initiator) = measure(|| Initiator::<Portable>::new(ours, rng));
    let mut left = Link::new(machine, rx1, tx1);
    let (machine, mut responder) = measure(|| Responder::<Portable>::new(theirs, rng));
    let mut right = Link::new(machine, rx2, tx2);
    loop {
        let (wants, cost) = measure(|| left.want());
        initiator += cost;
        let (answers, cost) = measure(|| right.want());
        responder += cost;
        let wants = wants.map_err(|_| "handshake")?;
        let answers = answers.map_err(|_| "handshake")?;
        if carry(wants, &mut left, &mut right) + carry(answers, &mut right, &mut left) == 0 {
            break;
        }
    }
    row("handshake: initiator, peer verified", initiator);
    row("handshake: responder, peer verified", responder);
    let sides = left.split(|machine| machine.established().map(|open| (open.inbound, open.outbound, ())));
    let (_, mut outbound, ()) = sides.ok_or("handshake")?;
    let sides = right.split(|machine| machine.established().map(|open| (open.inbound, open.outbound, ())));
    let (mut inbound, _, ()) = sides.ok_or("handshake")?;
    for length in [64, 1024] {
        record(&[0x42; 1024][..length], &mut outbound, &mut inbound)?;
    }
    Ok(())
}

/// A message from one side to the other.
fn record(
    message: &[u8],
    outbound: &mut Link<'_, Outbound<Portable>>,
    inbound: &mut Link<'_, Inbound<Portable>>,
) -> Outcome<()> {
    let (sealed, cost) = measure(|| outbound.send(|channel, out| channel.seal(message, out)));
    sealed.map_err(|_| "seal")?;
    print(format_args!("{:<44} {} bytes", "a record of", message.len()));
    row("record: seal", cost);
    carry(outbound.want().map_err(|_| "seal")?, outbound, inbound);
    let (opened, cost) = measure(|| inbound.want());
    if opened != Ok(Want::Deliver) || inbound.event().is_none() {
        return Err("open");
    }
    row("record: open", cost);
    // Past the event the link reads on.
    inbound.want().map(drop).map_err(|_| "open")
}

/// Takes what `from` has to send to where `to` receives.
fn carry<F: Machine, T: Machine>(wants: Want, from: &mut Link<'_, F>, to: &mut Link<'_, T>) -> usize {
    if wants != Want::Send {
        return 0;
    }
    let moved = to.space().iter_mut().zip(from.to_send()).map(|(to, from)| *to = *from).count();
    to.received(moved);
    from.sent(moved);
    moved
}
