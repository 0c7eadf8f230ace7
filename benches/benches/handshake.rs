//! The computation of both sides of a handshake, in memory.
//!
//! Ours verifies an RSA-2048 certificate on each side. snow's is the same Noise pattern without certificates. TLS has an
//! RSA-2048 certificate on the server's side, or on both.

use getrandom::{SysRng, rand_core::UnwrapErr};
use minipki_benches::fixture::{Ca, key, now, snow_channel, tls::Tls};
use minipki_benches::{Contender, Suite, run};
use minipki_core::bytes::Secret;
use minipki_core::cert::{Anchor, Id};
use minipki_core::crypto::rsa::{AllSizes, KeySize};
use minipki_core::crypto::{KeyPair, Portable, Provider};
use minipki_core::limits::FRAME_BODY;
use minipki_core::link::Machine;
use minipki_core::session::{Established, Initiator, LocalIdentity, Responder};
use minipki_core::trust::StatusPolicy;
use minipki_provider::HostProvider;

const NAMES: [&str; 2] = ["alice@example.org", "bob@example.org"];

/// Two subjects of one CA.
struct Pair<P: Provider<Sizes = AllSizes>> {
    anchor: Anchor,
    keys: [KeyPair<P>; 2],
    certificates: [Vec<u8>; 2],
}

impl<P: Provider<Sizes = AllSizes> + 'static> Pair<P> {
    fn new(provider: P) -> Self {
        let ca = Ca::new(KeySize::Bits2048);
        let keys = [1, 2].map(|number| KeyPair::from_secret(provider, Secret::new(key(number))));
        let certificates = [0, 1].map(|side| ca.certificate(NAMES[side], *keys[side].public().as_bytes()));
        Self { anchor: ca.anchor(), keys, certificates }
    }

    fn local(&self, side: usize) -> LocalIdentity<'_, P> {
        let peer = Some(Id::new(NAMES[1 - side]).expect("a name"));
        let (key, certificate) = (&self.keys[side], self.certificates[side].as_slice());
        LocalIdentity {
            key,
            credentials: certificate,
            anchor: &self.anchor,
            now: now(),
            status_policy: StatusPolicy::default(),
            peer,
        }
    }

    fn handshake(&self) -> [Established<P>; 2] {
        let mut random = UnwrapErr(SysRng);
        let mut alice = Initiator::new(self.local(0), &mut random);
        let mut bob = Responder::new(self.local(1), &mut random);
        let mut body = [0; FRAME_BODY];
        let len = alice.write(&mut body).expect("message 1");
        bob.read(&mut body[..len]).expect("message 1");
        let len = bob.write(&mut body).expect("message 2");
        alice.read(&mut body[..len]).expect("message 2");
        let len = alice.write(&mut body).expect("message 3");
        bob.read(&mut body[..len]).expect("message 3");
        [alice.established(), bob.established()].map(|side| side.expect("both are certified"))
    }

    fn contender(&self, name: &str) -> Contender<'_> {
        let check = |[alice, bob]: [Established<P>; 2]| {
            assert_eq!(alice.handshake_hash, bob.handshake_hash);
            assert_eq!(alice.peer.subject_id().as_str(), NAMES[1]);
            assert_eq!(bob.peer.subject_id().as_str(), NAMES[0]);
        };
        Contender::new(name, || self.handshake(), check)
    }
}

fn handshakes(suite: &mut Suite) {
    let (chosen, portable) = (Pair::new(HostProvider::default()), Pair::new(Portable::new()));
    let (server, mutual) = (Tls::new(false), Tls::new(true));
    suite.compare(
        "handshake, both sides",
        vec![
            chosen.contender("minipki"),
            portable.contender("minipki, portable"),
            // `snow_channel` compares the hashes of both sides itself.
            Contender::new("snow, no certificates", snow_channel, drop),
            Contender::new(
                "rustls, server's certificate",
                || server.handshake(),
                |(client, _)| assert_eq!(client.peer_certificates().map(<[_]>::len), Some(1)),
            ),
            Contender::new(
                "rustls, mutual",
                || mutual.handshake(),
                |(_, server)| assert_eq!(server.peer_certificates().map(<[_]>::len), Some(1)),
            ),
        ],
    );
}

fn main() {
    run(&[handshakes]);
}
