//! Makes the fixtures, and the first inputs that are whole connections. Run it after a change of the protocol.
//!
//! `cargo run --manifest-path fuzz/Cargo.toml --no-default-features --bin seeds`

use std::path::Path;
use std::{fs, io};

use minipki_core::bytes::Secret;
use minipki_core::cert::{Certificate, Id, TbsAnchorUpdate, TbsCertificate, TbsStatus, attach_signature};
use minipki_core::crypto::rsa::{KeySize, PrivateKey};
use minipki_core::crypto::{Hash, KeyPair, Portable};
use minipki_core::encoding::pem;
use minipki_core::limits::{ANCHOR_UPDATE, CERTIFICATE, FRAME_BODY, RSA_BYTES, STAPLED, STATUS};
use minipki_core::link::{Link, Machine, Want};
use minipki_core::session::{
    self, AnchorsQuery, CaClient, CaRequest, CaServer, ClientRequest, EnrolForm, Enrolment, HolderRevocation,
    Initiator, LocalIdentity, Responder, StatusQuery, X509Query,
};
use minipki_core::time::UnixTime;
use minipki_core::trust::{CertStatus, Revocation, RevocationReason, Serial, StatusPolicy, Validity};
use minipki_core::wire::Response;
use minipki_core::wire::channel::Payload;
use minipki_core::x509::algorithm::rsa::ALL;
use minipki_fuzz::peers;
use minipki_fuzz::stream::{self, Buffers};

fn main() -> io::Result<()> {
    let responder = issue(peers::RESPONDER_ID, &peers::responder_key());
    let initiator = issue(peers::INITIATOR_ID, &peers::initiator_key());
    let revocation =
        Revocation { reason: RevocationReason::KeyCompromise, revoked_at: time("2029-01-01T00:00:00+00:00") };
    let fixtures = [
        ("responder.json", &responder, peers::RESPONDER),
        ("initiator.json", &initiator, peers::INITIATOR),
        ("responder-status.json", &state(&responder, CertStatus::Good), peers::RESPONDER_STATUS),
        ("initiator-status.json", &state(&initiator, CertStatus::Good), peers::INITIATOR_STATUS),
        (
            "initiator-revoked.json",
            &state(&initiator, CertStatus::Revoked(revocation)),
            peers::INITIATOR_REVOKED,
        ),
        ("update.json", &update(), peers::UPDATE),
    ];
    for (name, fixture, _) in &fixtures {
        save("fixtures", name, fixture)?;
    }
    if fixtures.iter().any(|(_, made, old)| made != old) {
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

    statuses()?;
    let (key, new, anchor, serial_number) =
        (peers::initiator_key(), peers::new_key(), peers::anchor(), peers::initiator_serial());
    let enrolment = |key, form| {
        let subject_id = Id::new(peers::INITIATOR_ID).expect("a name").into();
        record(Enrolment { subject_id, key, anchor: &anchor, now: peers::now(), form })
    };
    let (classic, from_ca) = enrolment(&key, EnrolForm::Classic);
    save("corpus/ca_client", "classic", &[&[0], &from_ca[..]].concat())?;
    let (proven, from_ca) = enrolment(&key, EnrolForm::Proven { token: None });
    save("corpus/ca_client", "proven", &[&[1], &from_ca[..]].concat())?;
    save("corpus/ca_client", "certificate-of-another-key", &[&[2], &from_ca[..]].concat())?;
    let (with_token, _) = enrolment(&key, EnrolForm::Proven { token: Some(Secret::new([0x33; 32])) });
    let (renewal, _) = enrolment(&new, EnrolForm::Renewal { serial_number, current: &key });
    let (_, from_ca) = enrolment(&key, EnrolForm::Renewal { serial_number, current: &key });
    save("corpus/ca_client", "renewal", &[&[2], &from_ca[..]].concat())?;
    let (reason, issuer) = (RevocationReason::KeyCompromise, anchor.fingerprint());
    let (revocation, from_ca) = record(HolderRevocation { serial_number, reason, key: &key, issuer });
    save("corpus/ca_client", "revocation", &[&[3], &from_ca[..]].concat())?;
    let query = |nonce| StatusQuery { provider: Portable::new(), serial_number, anchor: &anchor, nonce };
    let (status, from_ca) = record(query(false));
    save("corpus/ca_client", "status", &[&[5], &from_ca[..]].concat())?;
    save("corpus/ca_client", "status-as-a-certificate", &[&[1], &from_ca[..]].concat())?;
    let (with_nonce, _) = record(query(true));
    let (request, from_ca) = record(AnchorsQuery { provider: Portable::new(), anchor: &anchor });
    save("corpus/ca_client", "anchors", &[&[4], &from_ca[..]].concat())?;
    save("corpus/ca_server", "anchors", &request)?;
    let certificate = &Certificate::parse(peers::INITIATOR).expect("a fixture");
    let provider = Portable::new();
    let mut body = [0; FRAME_BODY];
    let x509 = X509Query { provider, certificate, anchor: &anchor, algorithms: &ALL };
    let len = x509.encode(None, &mut body).expect("room");
    save("corpus/ca_server", "x509", &framed(&body[..len]))?;
    let twin = framed(br#"{"ok":true,"x509_b64":"MAA="}"#);
    save("corpus/ca_client", "x509", &[&[6], &twin[..]].concat())?;
    save("corpus/anchor_update", "update", peers::UPDATE)?;
    save("corpus/anchor_update", "status", peers::INITIATOR_STATUS)?;
    let busy = framed(br#"{"code":"busy","error":"","ok":false}"#);
    save("corpus/ca_client", "refusal", &[&[1], &busy[..]].concat())?;
    save("corpus/ca_server", "renewal", &renewal)?;
    save("corpus/ca_server", "revocation", &revocation)?;
    save("corpus/ca_server", "status", &status)?;
    save("corpus/ca_server", "status-with-a-nonce", &with_nonce)?;
    save("corpus/ca_server", "all", &[&proven[..], &status, &with_nonce, &classic].concat())?;
    // A proof of one purpose after a request of another.
    let second = |stream: &[u8]| framed(stream::frames(stream, FRAME_BODY).0[1]);
    let first = |stream: &[u8]| framed(stream::frames(stream, FRAME_BODY).0[0]);
    save("corpus/ca_server", "proof-of-a-renewal-revokes", &[first(&revocation), second(&renewal)].concat())?;
    save(
        "corpus/ca_server",
        "proof-of-a-revocation-renews",
        &[first(&renewal), second(&revocation)].concat(),
    )?;
    let request_length = first(&proven).len();
    save("corpus/ca_server", "classic", &classic)?;
    save("corpus/ca_server", "proven", &proven)?;
    save("corpus/ca_server", "token-unknown-here", &with_token)?;
    save("corpus/ca_server", "request-left-alone", &proven[..request_length])?;
    save("corpus/ca_server", "proof-alone", &proven[request_length..])?;
    save("corpus/ca_server", "later-type", &framed(br#"{"type":"status"}"#))?;
    save("corpus/ca_server", "not-json", &[framed(b"GET / HTTP/1.1"), classic].concat())?;

    let honest = channel(&peers::initiator_key(), peers::INITIATOR);
    save("corpus/channel_responder", "channel", &honest)?;
    for (name, status) in
        [("stapled", peers::INITIATOR_STATUS), ("stapled-revoked", peers::INITIATOR_REVOKED)]
    {
        let mut out = [0; STAPLED];
        let payload = Payload { certificate: peers::INITIATOR, status: Some(status) };
        let payload = payload.encode(&mut out).expect("room");
        save("corpus/channel_responder", name, &channel(&peers::initiator_key(), payload))?;
    }
    save("corpus/channel_responder", "cut", &honest[..honest.len() - 20])?;
    let thief = KeyPair::from_secret(Portable::new(), Secret::new([0x33; 32]));
    save("corpus/channel_responder", "certificate-of-another", &channel(&thief, peers::INITIATOR))?;
    save("corpus/channel_responder", "refusal", &busy)
}

/// The seeds of the targets for statuses and payloads.
fn statuses() -> io::Result<()> {
    save("corpus/status", "good", peers::INITIATOR_STATUS)?;
    save("corpus/status", "revoked", peers::INITIATOR_REVOKED)?;
    save("corpus/payload", "alone", peers::INITIATOR)?;
    for (name, certificate, status) in [
        ("initiator", peers::INITIATOR, peers::INITIATOR_STATUS),
        ("responder", peers::RESPONDER, peers::RESPONDER_STATUS),
        ("revoked", peers::INITIATOR, peers::INITIATOR_REVOKED),
        ("status-of-another", peers::INITIATOR, peers::RESPONDER_STATUS),
    ] {
        let mut out = [0; STAPLED];
        let payload = Payload { certificate, status: Some(status) };
        save("corpus/payload", name, payload.encode(&mut out).expect("room"))?;
    }
    Ok(())
}

fn save(folder: &str, name: &str, content: &[u8]) -> io::Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    fs::create_dir_all(&folder)?;
    fs::write(folder.join(name), content)
}

fn framed(body: &[u8]) -> Vec<u8> {
    [&(body.len() as u32).to_be_bytes(), body].concat()
}

fn time(text: &str) -> UnixTime {
    text.parse().expect("a time")
}

/// The key in `fixtures/issuer.pem`.
fn issuer() -> PrivateKey {
    let mut der = [0; 2048];
    let der = pem::decode("PRIVATE KEY", include_bytes!("../../fixtures/issuer.pem"), &mut der).expect("PEM");
    PrivateKey::from_pkcs8_der(der).expect("a key")
}

/// An object with the signature of the issuer over `text`.
fn sign(text: &[u8]) -> Vec<u8> {
    let (mut signature, mut out) = ([0; RSA_BYTES], [0; CERTIFICATE]);
    let salt = [0x5a; 256];
    let salt = &salt[..KeySize::Bits2048.max_salt()];
    let digest = Portable::new().sha256(&[text]);
    let signature = issuer().sign_pss(&digest, salt, &mut peers::rng(), &mut signature).expect("signs");
    attach_signature(text, signature, &mut out).expect("room").to_vec()
}

/// A status of `certificate` that can be used until the year 9999.
fn state(certificate: &[u8], status: CertStatus) -> Vec<u8> {
    let unsigned = TbsStatus {
        issuer_id: Id::new(peers::ISSUER).expect("a name"),
        issuer_key: issuer().public().fingerprint(Portable::new()),
        serial_number: Certificate::parse(certificate).expect("a certificate").serial_number(),
        status,
        number: 1,
        this_update: time("2029-06-01T00:00:00+00:00"),
        next_update: time("9999-12-31T23:59:59+00:00"),
        nonce: None,
    };
    sign(unsigned.encode(&mut [0; STATUS]).expect("room"))
}

/// The update to the key that the anchor `next-anchor.json` has.
fn update() -> Vec<u8> {
    let unsigned = TbsAnchorUpdate {
        issuer_id: Id::new(peers::ISSUER).expect("a name"),
        issuer_key: &peers::next_key(),
        not_before: time("2029-06-01T00:00:00+00:00"),
        previous_key: issuer().public().fingerprint(Portable::new()),
    };
    sign(unsigned.encode(&mut [0; ANCHOR_UPDATE]).expect("room"))
}

/// A certificate that ends in the year 9999.
fn issue(subject: &str, key: &KeyPair) -> Vec<u8> {
    let public = issuer().public().clone();
    let unsigned = TbsCertificate {
        issuer_id: Id::new(peers::ISSUER).expect("a name"),
        issuer_key: &public,
        serial_number: Serial::new(1 + u64::from(key.public().as_bytes()[0])).expect("small"),
        subject_id: Id::new(subject).expect("a name"),
        subject_key: *key.public(),
        validity: Validity::new(time("2020-01-01T00:00:00+00:00"), time("9999-12-31T23:59:59+00:00"))
            .expect("in order"),
    };
    sign(unsigned.encode(&mut [0; CERTIFICATE]).expect("room"))
}

/// The bytes of the honest client with `request`, and those of an honest CA.
fn record<R: CaRequest<Provider = Portable>>(request: R) -> (Vec<u8>, Vec<u8>) {
    let (mut ours, mut theirs) = (Buffers::default(), Buffers::default());
    let mut client = Link::new(CaClient::new(request, &mut peers::client_rng()), &mut ours.rx, &mut ours.tx);
    let ca = CaServer::new(Portable::new());
    let mut ca = Link::new(ca, &mut theirs.rx, &mut theirs.tx);
    exchange(&mut client, &mut ca, |ca, event| {
        ca.send(|ca, out| match event {
            ClientRequest::Challenge(_) => ca.challenge(&mut peers::rng(), out),
            ClientRequest::Revoke { serial_number, reason, .. } => {
                let revocation = Revocation { reason, revoked_at: peers::time() };
                ca.respond(Response::Revoked(serial_number, revocation), out)
            }
            ClientRequest::Anchors => ca.respond(Response::Anchors(&peers::updates()), out),
            ClientRequest::Status { .. } => ca.respond(Response::Status(peers::INITIATOR_STATUS), out),
            _ => ca.issue(peers::INITIATOR, out),
        })
        .expect("in turn");
    })
}

/// The bytes of an initiator with that key: the handshake with those credentials, the messages and the end.
fn channel(key: &KeyPair, credentials: &[u8]) -> Vec<u8> {
    let (responder_key, anchor) = (peers::responder_key(), peers::anchor());
    let local = |key, credentials| LocalIdentity {
        key,
        credentials,
        anchor: &anchor,
        now: peers::now(),
        status_policy: StatusPolicy::default(),
        peer: None,
    };
    let (mut ours, mut theirs) = (Buffers::default(), Buffers::default());
    let initiator = Initiator::new(local(key, credentials), &mut peers::client_rng());
    let mut initiator = Link::new(initiator, &mut ours.rx, &mut ours.tx);
    let responder = Responder::new(local(&responder_key, peers::RESPONDER), &mut peers::rng());
    let mut responder = Link::new(responder, &mut theirs.rx, &mut theirs.tx);
    let (mut sent, _) = exchange(&mut initiator, &mut responder, |_, never| match never {});
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

/// Moves bytes both ways until `first` sends no more, and returns the bytes that each has sent.
fn exchange<A: Machine<Error = session::Error>, B: Machine<Error = session::Error>>(
    first: &mut Link<'_, A>,
    second: &mut Link<'_, B>,
    mut deliver: impl FnMut(&mut Link<'_, B>, B::Event),
) -> (Vec<u8>, Vec<u8>) {
    let (mut sent, mut answered) = (Vec::new(), Vec::new());
    loop {
        let from_first = drain(first);
        if from_first.is_empty() {
            return (sent, answered);
        }
        give(second, &from_first);
        sent.extend(from_first);
        while second.want() == Ok(Want::Deliver) {
            let event = second.event().expect("an event");
            deliver(second, event);
        }
        let answer = drain(second);
        give(first, &answer);
        answered.extend(answer);
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
