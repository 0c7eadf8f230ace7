//! MiniPKI's core: a whole PKI without heap, operating system, clock or I/O.
//!
//! It has certificates and their verification, enrolment and renewal at a CA with proof of possession, revocation and
//! its status, and channels between peers that authenticate each other by Noise XX. It is `no_std` and has no `unsafe`
//! code. No input makes it panic.
//!
//! # Example
//!
//! A sensor and a gateway have certificates of one CA. They open a channel, and the sensor sends a reading:
//!
//! ```
//! use minipki_core::bytes::Secret;
//! use minipki_core::cert::{Anchor, Id};
//! use minipki_core::crypto::{KeyPair, Portable};
//! use minipki_core::limits::FRAME;
//! use minipki_core::link::{Link, Machine, Want};
//! use minipki_core::session::{self, Initiator, LocalIdentity, Received, Responder};
//! use minipki_core::time::Now;
//! use minipki_core::trust::StatusPolicy;
//!
//! # macro_rules! file { ($name:literal) => { include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/data/", $name)) } }
//! # const ANCHOR: &[u8] = file!("anchor.json");
//! # const SENSOR: &[u8] = file!("sensor.json");
//! # const GATEWAY: &[u8] = file!("gateway.json");
//! # let mut rng = rand_core::UnwrapErr(getrandom::SysRng);
//! // ANCHOR is the CA's name and public key; SENSOR and GATEWAY are certificates that it has issued.
//! let anchor = Anchor::decode(Portable::new(), ANCHOR)?;
//! let now = Now::Exact("2026-06-15T12:00:00+00:00".parse()?);
//! let key = |byte| KeyPair::from_secret(Portable::new(), Secret::new([byte; 32]));
//! let keys: [KeyPair; 2] = [0x11, 0x22].map(key);
//! let status_policy = StatusPolicy::default();
//! let side = |key, credentials, peer| LocalIdentity { key, credentials, anchor: &anchor, now, status_policy, peer };
//! let sensor = side(&keys[0], SENSOR, Some(Id::new("gateway-3")?));
//! let gateway = side(&keys[1], GATEWAY, None);
//!
//! // A link is a machine between two buffers of the caller. In a program `drive::drive` moves its bytes over a stream.
//! fn pass<F, T>(from: &mut Link<'_, F>, to: &mut Link<'_, T>)
//! where
//!     F: Machine<Error = session::Error>,
//!     T: Machine<Error = session::Error>,
//! {
//!     let n = from.to_send().len().min(to.space().len());
//!     to.space()[..n].copy_from_slice(&from.to_send()[..n]);
//!     from.sent(n);
//!     to.received(n);
//! }
//! let [a, b, c, d] = &mut [[0; FRAME]; 4];
//! let mut initiator = Link::new(Initiator::new(sensor, &mut rng), a, b);
//! let mut responder = Link::new(Responder::new(gateway, &mut rng), c, d);
//! loop {
//!     match (initiator.want()?, responder.want()?) {
//!         (Want::Send, _) => pass(&mut initiator, &mut responder),
//!         (_, Want::Send) => pass(&mut responder, &mut initiator),
//!         _ => break,
//!     }
//! }
//!
//! // Only a handshake with a verified peer can be split into the two halves of a channel.
//! let (_, mut sender, _) = initiator.split(|machine| {
//!     let open = machine.established()?;
//!     Some((open.inbound, open.outbound, open.peer))
//! }).ok_or("no channel")?;
//! let (mut receiver, _, peer) = responder.split(|machine| {
//!     let open = machine.established()?;
//!     Some((open.inbound, open.outbound, open.peer))
//! }).ok_or("no channel")?;
//! assert_eq!(peer.subject_id().as_str(), "sensor-17");
//!
//! sender.send(|outbound, out| outbound.seal(b"21.5 C", out))?;
//! pass(&mut sender, &mut receiver);
//! assert_eq!(receiver.want()?, Want::Deliver);
//! assert_eq!(receiver.event(), Some(Received::Message(0..6)));
//! assert_eq!(receiver.body().get(..6), Some(&b"21.5 C"[..]));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Layers
//!
//! A module uses modules below it in this list, never one above it:
//!
//! | module | contents |
//! | --- | --- |
//! | [`drive`] | the drivers: a link over a stream, blocking or async |
//! | [`session`] | the machines: requests to a CA and the channel, both sides of each |
//! | [`wire`] | the messages |
//! | [`x509`] | X.509 certificates and the validation of their paths, with CRLs |
//! | [`cert`], [`noise`] | certificates, their status, anchors, [`verify`](cert::verify()); Noise XX as typestates |
//! | [`keys`] | key files and fingerprints |
//! | [`crypto`] | the trait [`Provider`](crypto::Provider) and its portable implementation, X25519, RSA |
//! | [`encoding`], [`time`] | base64, DER, canonical JSON, PEM; times |
//! | [`link`] | bytes, frames and a machine of any protocol, in two buffers of the caller |
//! | [`bytes`], [`limits`] | secrets that wipe themselves, writers; every capacity |
//!
//! Each layer can be used alone: [`cert::verify`] needs no link, and [`noise`] needs no certificate.
//!
//! # Memory
//!
//! The caller owns all memory. A function that writes takes a slice and returns the part that it has filled. A
//! [`Link`](link::Link) takes two slices, one to receive into and one to send from. A view, for example a
//! [`Certificate`](cert::Certificate), borrows its text. An event of a machine has ranges, which point into
//! [`LinkOver::body`](link::LinkOver::body). Randomness is an argument, `&mut impl rand_core::CryptoRng`, and so is the
//! time, [`Now`](time::Now).
//!
//! # Drivers
//!
//! [`drive::drive`] moves bytes between a link and any stream of `embedded-io`; `drive::drive_async` is the same for
//! `embedded-io-async`. Both return when the application has something to do. Over other I/O, a driver of ten lines
//! calls [`LinkOver::want`](link::LinkOver::want). The stream keeps a deadline; with the async driver, a timer does.
//!
//! # Sizes of buffers
//!
//! Every valid frame fits buffers of [`limits::FRAME`] bytes. The length of the caller's slice is the limit: a longer
//! frame is refused by its length. With a CA of 2048 bits and short names 2 KB are enough, and 3 KB if peers show the
//! status of their certificates. A certificate takes at most [`limits::CERTIFICATE`] bytes, and with its status at most
//! [`limits::STAPLED`].
//!
//! # Features
//!
//! No feature is on by default, and no feature changes the accepted input. A validator of X.509 accepts only the signature
//! algorithms that its caller names; a feature adds algorithms that can be named, and the crates that they need.
//!
//! | feature | effect |
//! | --- | --- |
//! | `async` | `drive::drive_async`, over the traits of `embedded-io-async` |
//! | `defmt` | `defmt::Format` for every error type |
//! | `ecdsa` | the signature algorithms of X.509 on P-256 and P-384 |
//! | `ed25519` | the signature algorithm Ed25519 of X.509 |
//!
//! # More
//!
//! In the project's repository, `docs/protocol.md` defines each byte of the protocol. `docs/embedded.md` uses this
//! crate in a firmware, with complete examples. `docs/budgets.md` has its cost on a Cortex-M3, and `docs/threats.md`
//! lists the attacks and their tests. `docs/x509.md` lists the checks of X.509 and their conformance.
#![no_std]
#![forbid(unsafe_code)]
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

pub mod bytes;
pub mod cert;
pub mod crypto;
pub mod drive;
pub mod encoding;
pub mod keys;
pub mod limits;
pub mod link;
pub mod noise;
pub mod session;
pub mod time;
pub mod trust;
pub mod wire;
pub mod x509;

/// The example of README.md, as a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
