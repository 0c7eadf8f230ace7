//! The blocking driver, over streams that are cut at every place.

use minipki_core::drive::drive;
use minipki_core::limits::FRAME;
use minipki_core::link::{Link, Want};
use minipki_fixtures::drivers::{self, Driver, Side};
use minipki_fixtures::rsa_keys::rng;
use minipki_fixtures::stream::{Cut, Playback};

struct Blocking;

impl Driver for Blocking {
    fn outgoing<S: Side>(side: &S, incoming: &[u8], cut: Cut) -> Vec<u8> {
        let (mut rx, mut tx, mut rng) = ([0; FRAME], [0; FRAME], rng(9));
        let mut link = Link::new(side.machine(), &mut rx, &mut tx);
        let mut stream = Playback::new(incoming, cut);
        while drive(&mut link, &mut stream) == Ok(Want::Deliver) && side.turn(&mut link, &mut rng) {}
        stream.outgoing
    }
}

#[test]
fn enrolment_is_the_same_however_its_bytes_arrive() {
    drivers::enrolment::<Blocking>();
}

#[test]
fn a_handshake_is_the_same_however_its_bytes_arrive() {
    drivers::handshake::<Blocking>();
}
