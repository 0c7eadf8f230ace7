//! The counted paths. Each path checks its result.

use std::hint::black_box;

use minipki_core::cert::{Certificate, attach_signature, verify};
use minipki_core::crypto::rsa::{KeySize, SaltLength};
use minipki_core::crypto::{KeyPair, Portable};
use minipki_core::limits::{CERTIFICATE, FRAME_BODY};
use minipki_core::link::Machine;
use minipki_core::noise::{ExpectMessage1, Opener, Sealer, SendMessage1};
use minipki_core::session::{
    CaServer, ClientRequest, EnrolClient, EnrolForm, EnrolOutcome, Enrolment, Initiator, Responder,
};
use minipki_core::trust::RevocationCheck;

use crate::count;
use crate::fixture::{ALICE, BOB, Ca, local, now, private_key, rng};

const DIGEST: [u8; 32] = [0x5a; 32];

pub(crate) fn rsa() {
    for size in [KeySize::Bits2048, KeySize::Bits3072, KeySize::Bits4096] {
        let (bits, salt) = (size.bits(), vec![7; size.max_salt()]);
        count(&format!("RSA-{bits} import"), || drop(black_box(private_key(size))));
        let (mut key, mut random, mut out) = (private_key(size), rng(), vec![0; size.bytes()]);
        count(&format!("RSA-{bits} sign"), || {
            key.sign_pss(&DIGEST, &salt, &mut random, &mut out).expect("a sound key");
        });
        let public = key.public();
        count(&format!("RSA-{bits} verify"), || {
            public.verify_pss(&DIGEST, &out, SaltLength::AtLeast(32)).expect("a good signature");
        });
    }
}

pub(crate) fn x25519() {
    count("X25519 key pair", || drop(black_box(ALICE.key())));
    let (alice, bob) = (ALICE.key(), BOB.key());
    let shared = *alice.agree(bob.public().as_bytes()).expect("full order").expose();
    count("X25519 agreement", || {
        let agreed = bob.agree(alice.public().as_bytes()).expect("full order");
        assert_eq!(*agreed.expose(), shared);
    });
}

pub(crate) fn certificate() {
    let mut ca = Ca::new();
    let whole = ca.certificate(ALICE);
    let mut text = [0; CERTIFICATE];
    let tbs = ca.tbs(ALICE);
    count("certificate encode", || {
        tbs.encode(&mut text).expect("any certificate fits");
    });
    let len = tbs.encode(&mut text).expect("any certificate fits").len();
    let signature = ca.sign(&text[..len]);
    let mut out = [0; CERTIFICATE];
    count("certificate attach_signature", || {
        assert_eq!(
            attach_signature(&text[..len], &signature, &mut out).expect("any certificate fits"),
            whole
        );
    });
    count("certificate parse", || {
        black_box(Certificate::parse(&whole).expect("a certificate"));
    });
    let (parsed, anchor) = (Certificate::parse(&whole).expect("a certificate"), ca.anchor());
    count("certificate verify", || {
        black_box(
            verify(Portable::new(), &anchor, &parsed, now(), RevocationCheck::NotChecked).expect("good"),
        );
    });
}

pub(crate) fn record() {
    let (mut sealer, mut opener) = channel();
    let mut buf = [0; FRAME_BODY];
    for len in [64, 1024, 4080] {
        count(&format!("record of {len} bytes, seal and open"), || {
            let sealed = sealer.seal(&mut buf, len).expect("room for the tag");
            assert_eq!(opener.open(&mut buf[..sealed]), Ok(len));
        });
    }
}

fn channel() -> (Sealer<Portable>, Opener<Portable>) {
    let mut buf = [0; 256];
    let fresh = || KeyPair::generate(Portable::new(), &mut rng());
    let a = SendMessage1::new(b"", ALICE.key(), fresh());
    let b = ExpectMessage1::new(b"", BOB.key(), fresh());
    let (a, n) = a.write(b"", &mut buf).expect("message 1");
    let (b, _) = b.read(&mut buf[..n]).expect("message 1");
    let (b, n) = b.write(b"", &mut buf).expect("message 2");
    let (a, _) = a.read(&mut buf[..n]).expect("message 2");
    let (a, n) = a.write(b"", &mut buf).expect("message 3");
    let (b, _) = b.read(&mut buf[..n]).expect("message 3");
    (a.split().0, b.split().1)
}

pub(crate) fn handshake() {
    let mut ca = Ca::new();
    let (anchor, alice, bob) = (ca.anchor(), ALICE.key(), BOB.key());
    let (alices, bobs) = (ca.certificate(ALICE), ca.certificate(BOB));
    let mut body = [0; FRAME_BODY];
    count("handshake, both sides", || {
        let mut random = rng();
        let mut a = Initiator::new(local(&alice, &alices, &anchor), &mut random);
        let mut b = Responder::new(local(&bob, &bobs, &anchor), &mut random);
        let len = a.write(&mut body).expect("message 1");
        b.read(&mut body[..len]).expect("message 1");
        let len = b.write(&mut body).expect("message 2");
        a.read(&mut body[..len]).expect("message 2");
        let len = a.write(&mut body).expect("message 3");
        b.read(&mut body[..len]).expect("message 3");
        let [a, b] = [a.established(), b.established()].map(|side| side.expect("both are certified"));
        assert_eq!(a.handshake_hash, b.handshake_hash);
    });
}

pub(crate) fn enrolment() {
    let mut ca = Ca::new();
    let (anchor, alice, certificate) = (ca.anchor(), ALICE.key(), ca.certificate(ALICE));
    let mut body = [0; FRAME_BODY];
    count("enrolment, both sides, the signature apart", || {
        let mut random = rng();
        let wanted = Enrolment {
            subject_id: ALICE.0.parse().expect("a name"),
            key: &alice,
            anchor: &anchor,
            now: now(),
            form: EnrolForm::Proven { token: None },
        };
        let mut client = EnrolClient::new(wanted, &mut random);
        let mut server = CaServer::new(Portable::new());
        let len = client.write(&mut body).expect("a request");
        assert!(matches!(server.read(&mut body[..len]), Ok(Some(ClientRequest::Challenge { .. }))));
        let len = server.challenge(&mut random, &mut body).expect("a challenge");
        client.read(&mut body[..len]).expect("a challenge");
        let len = client.write(&mut body).expect("a proof");
        let Ok(Some(ClientRequest::Proven { possession, .. })) = server.read(&mut body[..len]) else {
            panic!("a proof")
        };
        assert_eq!(possession.proves(&[anchor.fingerprint()], None), Ok(true));
        let len = server.issue(&certificate, &mut body).expect("an answer");
        let outcome = client.read(&mut body[..len]).expect("an answer");
        assert!(matches!(outcome, Some(EnrolOutcome::Issued(_))));
    });
}
