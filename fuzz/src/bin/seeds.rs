//! Makes the fixtures, and the first inputs that are whole connections. Run it after a change of the protocol.
//!
//! `cargo run --manifest-path fuzz/Cargo.toml --no-default-features --bin seeds`

use std::path::Path;
use std::{fs, io};

use minipki_core::bytes::Secret;
use minipki_core::cert::{Id, TbsCertificate, attach_signature};
use minipki_core::crypto::rsa::{KeySize, PrivateKey};
use minipki_core::crypto::{Hash, KeyPair, Portable};
use minipki_core::encoding::pem;
use minipki_core::limits::{CERTIFICATE, RSA_BYTES};
use minipki_core::link::{Link, Machine, Want};
use minipki_core::session::{
    self, EnrolClient, EnrolEvent, EnrolForm, EnrolServer, Enrolment, Initiator, LocalIdentity, Responder,
};
use minipki_core::trust::{Serial, Validity};
use minipki_fuzz::peers;
use minipki_fuzz::stream::Buffers;
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;

fn main() -> io::Result<()> {
    let responder = issue(peers::RESPONDER_ID, &peers::responder_key());
    let initiator = issue(peers::INITIATOR_ID, &peers::initiator_key());
    save("fixtures", "responder.json", &responder)?;
    save("fixtures", "initiator.json", &initiator)?;
    if responder != peers::RESPONDER || initiator != peers::INITIATOR {
        println!("the fixtures have changed, and this program has the old fixtures: run it once more");
        return Ok(());
    }
    let mut anchor = [0; 2048];
    save("corpus/certificate", "anchor", peers::anchor().encode(&mut anchor).expect("room"))?;
    save("corpus/certificate", "certificate", peers::INITIATOR)?;

    let frames = [framed(b"a"), framed(&[b'b'; 64]), framed(b"c")].concat();
    save("corpus/frame", "three", &[b"\x07", &frames[..]].concat())?;
    save("corpus/frame", "empty", &[b"\x01", &frames[..], &framed(b"")].concat())?;
    save("corpus/frame", "one-too-long", &[b"\xff", &frames[..], &framed(&[b'd'; 65])].concat())?;
    save("corpus/frame", "cut", &[b"\x02", &frames[..frames.len() - 1]].concat())?;

    let classic = enrolment(EnrolForm::Classic);
    let proven = enrolment(EnrolForm::Proven { token: None });
    let with_token = enrolment(EnrolForm::Proven { token: Some(Secret::new([0x33; 32])) });
    let request_length = 4 + u32::from_be_bytes([proven[0], proven[1], proven[2], proven[3]]) as usize;
    save("corpus/enrol_server", "classic", &classic)?;
    save("corpus/enrol_server", "proven", &proven)?;
    save("corpus/enrol_server", "token-unknown-here", &with_token)?;
    save("corpus/enrol_server", "request-left-alone", &proven[..request_length])?;
    save("corpus/enrol_server", "proof-alone", &proven[request_length..])?;
    save("corpus/enrol_server", "later-type", &framed(br#"{"type":"status"}"#))?;
    save("corpus/enrol_server", "not-json", &[framed(b"GET / HTTP/1.1"), classic].concat())?;

    let honest = channel(&peers::initiator_key());
    save("corpus/channel_responder", "channel", &honest)?;
    save("corpus/channel_responder", "cut", &honest[..honest.len() - 20])?;
    let thief = KeyPair::from_secret(Portable::new(), Secret::new([0x33; 32]));
    save("corpus/channel_responder", "certificate-of-another", &channel(&thief))?;
    save("corpus/channel_responder", "refusal", &framed(br#"{"code":"busy","error":"","ok":false}"#))
}

fn save(folder: &str, name: &str, content: &[u8]) -> io::Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    fs::create_dir_all(&folder)?;
    fs::write(folder.join(name), content)
}

fn framed(body: &[u8]) -> Vec<u8> {
    [&(body.len() as u32).to_be_bytes(), body].concat()
}

/// A certificate that ends in the year 9999, signed by the key in `fixtures/issuer.pem`.
fn issue(subject: &str, key: &KeyPair) -> Vec<u8> {
    let mut der = [0; 2048];
    let der = pem::decode("PRIVATE KEY", include_bytes!("../../fixtures/issuer.pem"), &mut der).expect("PEM");
    let mut issuer = <PrivateKey>::from_pkcs8_der(der).expect("a key");
    let time = |text: &str| text.parse().expect("a time");
    let public = issuer.public().clone();
    let unsigned = TbsCertificate {
        issuer_id: Id::new(peers::ISSUER).expect("a name"),
        issuer_key: &public,
        serial_number: Serial::new(1 + u64::from(key.public().as_bytes()[0])).expect("small"),
        subject_id: Id::new(subject).expect("a name"),
        subject_key: *key.public(),
        validity: Validity::new(time("2020-01-01T00:00:00+00:00"), time("9999-12-31T23:59:59+00:00"))
            .expect("in order"),
    };
    let (mut text, mut signature, mut out) = ([0; CERTIFICATE], [0; RSA_BYTES], [0; CERTIFICATE]);
    let text = unsigned.encode(&mut text).expect("room");
    let salt = [0x5a; 256];
    let salt = &salt[..KeySize::Bits2048.max_salt()];
    let digest = Portable::new().sha256(&[text]);
    let signature = issuer.sign_pss(&digest, salt, &mut peers::rng(), &mut signature).expect("signs");
    attach_signature(text, signature, &mut out).expect("room").to_vec()
}

/// The bytes that the honest client sends to the CA of the target.
fn enrolment(form: EnrolForm) -> Vec<u8> {
    let (key, anchor) = (peers::initiator_key(), peers::anchor());
    let subject_id = Id::new(peers::INITIATOR_ID).expect("a name").into();
    let enrolment = Enrolment { subject_id, key: &key, anchor: &anchor, now: peers::now(), form };
    let (mut ours, mut theirs) = (Buffers::default(), Buffers::default());
    let client = EnrolClient::new(enrolment, &mut other_rng());
    let mut client = Link::new(client, &mut ours.rx, &mut ours.tx);
    let ca = EnrolServer::new(Portable::new(), anchor.fingerprint());
    let mut ca = Link::new(ca, &mut theirs.rx, &mut theirs.tx);
    exchange(&mut client, &mut ca, |ca, event| {
        ca.send(|ca, out| match event {
            EnrolEvent::Challenge { .. } => ca.challenge(&mut peers::rng(), out),
            _ => ca.issue(peers::INITIATOR, out),
        })
        .expect("in turn");
    })
}

/// The bytes of an initiator with that key: the handshake with the honest certificate, the messages and the end.
fn channel(key: &KeyPair) -> Vec<u8> {
    let (responder_key, anchor) = (peers::responder_key(), peers::anchor());
    let local =
        |key, certificate| LocalIdentity { key, certificate, anchor: &anchor, now: peers::now(), peer: None };
    let (mut ours, mut theirs) = (Buffers::default(), Buffers::default());
    let initiator = Initiator::new(local(key, peers::INITIATOR), &mut other_rng());
    let mut initiator = Link::new(initiator, &mut ours.rx, &mut ours.tx);
    let responder = Responder::new(local(&responder_key, peers::RESPONDER), &mut peers::rng());
    let mut responder = Link::new(responder, &mut theirs.rx, &mut theirs.tx);
    let mut sent = exchange(&mut initiator, &mut responder, |_, never| match never {});
    let halves =
        initiator.split(|machine| machine.established().map(|open| (open.inbound, open.outbound, ())));
    let (_, mut outbound, ()) = halves.expect("the responder is honest");
    for text in peers::MESSAGES {
        outbound.send(|channel, out| channel.seal(text, out)).expect("room");
        sent.extend(drain(&mut outbound));
    }
    outbound.send(|channel, out| channel.close(out)).expect("room");
    sent.extend(drain(&mut outbound));
    sent
}

/// Moves bytes both ways until `first` sends no more, and returns the bytes that it has sent.
fn exchange<A: Machine<Error = session::Error>, B: Machine<Error = session::Error>>(
    first: &mut Link<'_, A>,
    second: &mut Link<'_, B>,
    mut deliver: impl FnMut(&mut Link<'_, B>, B::Event),
) -> Vec<u8> {
    let mut sent = Vec::new();
    loop {
        let from_first = drain(first);
        if from_first.is_empty() {
            return sent;
        }
        give(second, &from_first);
        sent.extend(from_first);
        while second.want() == Ok(Want::Deliver) {
            let event = second.event().expect("an event");
            deliver(second, event);
        }
        let answer = drain(second);
        give(first, &answer);
    }
}

/// All bytes that a link has to send now.
fn drain<M: Machine<Error = session::Error>>(link: &mut Link<'_, M>) -> Vec<u8> {
    let mut bytes = Vec::new();
    while link.want() == Ok(Want::Send) {
        bytes.extend_from_slice(link.to_send());
        link.sent(link.to_send().len());
    }
    bytes
}

fn give<M: Machine<Error = session::Error>>(link: &mut Link<'_, M>, bytes: &[u8]) {
    if !bytes.is_empty() {
        link.space()[..bytes.len()].copy_from_slice(bytes);
        link.received(bytes.len());
    }
}

/// The honest client's randomness, different from that of its peer.
fn other_rng() -> ChaCha20Rng {
    ChaCha20Rng::seed_from_u64(2)
}
