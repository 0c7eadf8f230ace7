//! An authority after changes of the CA's key: which key signs what, which proofs are accepted, and the changes that it
//! tells its clients.

use std::path::Path;

use minipki_ca::ports::{IssuerKey, Ledger, RevocationBook, RevocationChange};
use minipki_ca::{
    Authority, CertificationRequest, Policy, Possession, PossessionCheck, Refused, RequestProof,
    RevocationList, SignatureAlgorithm, Signer, StatusRequest, SubjectName, TlsServerRequest, TokenHash,
    issue_tls_server, sign_revocation_list,
};
use minipki_core::cert::{
    self, Anchor, AnchorUpdate, Certificate, Status, TbsAnchorUpdate, attach_signature,
};
use minipki_core::crypto::Portable;
use minipki_core::crypto::rsa::KeySize;
use minipki_core::keys::Fingerprint;
use minipki_core::limits::ANCHOR_UPDATE;
use minipki_core::time::Now;
use minipki_core::trust::{CertStatus, RevocationCheck, RevocationReason, Serial, StatusPolicy, StatusRule};
use minipki_core::wire::anchors::each_update;
use minipki_core::wire::{Response, WireError};
use minipki_fixtures::certificates::x25519_key;
use minipki_fixtures::openssl;
use minipki_keys::SignerKind;
use minipki_ledger::{Owner, SqliteLedger, SqliteReader, SqliteRecorder};
use minipki_server::{Server, ServerOptions};
use minipki_tests::ca::{at, id, key, open_ledger, openssl_key, proven};
use minipki_tests::server::{receive, send};
use tempfile::TempDir;
use tokio::net::TcpStream;

use KeySize::{Bits2048, Bits3072, Bits4096};

const NOW: u64 = 1_800_000_000;

fn signer(size: KeySize) -> Box<dyn Signer> {
    SignerKind::Aws.load(openssl_key(size)).expect("a good key")
}

fn fingerprint(size: KeySize) -> Fingerprint {
    signer(size).public_key().fingerprint(Portable::new())
}

fn anchor(size: KeySize) -> Anchor {
    Anchor::from_key(Portable::new(), id("ca").as_id(), signer(size).public_key().clone())
}

fn owner(size: KeySize) -> Owner {
    Owner { issuer_id: id("ca"), fingerprint: fingerprint(size) }
}

/// The authority in `folder` with the key `present`, and the signers of these former keys.
fn open(folder: &Path, present: KeySize, former: &[KeySize]) -> Authority {
    let ledger = open_ledger(folder, &owner(present));
    let former = former.iter().map(|size| signer(*size)).collect();
    let authority = Authority::new(id("ca"), Policy::default(), signer(present), Box::new(ledger));
    authority.with_former_signers(former)
}

/// Changes the key of the CA in `folder`. Returns the signed update.
fn change_key(folder: &Path, from: KeySize, to: KeySize) -> Vec<u8> {
    let fields = TbsAnchorUpdate {
        issuer_id: id("ca").as_id(),
        issuer_key: signer(to).public_key(),
        not_before: at(NOW),
        previous_key: fingerprint(from),
    }
    .encode(&mut [0; ANCHOR_UPDATE])
    .expect("any update fits")
    .to_vec();
    let signatures = signer(from).sign_many(SignatureAlgorithm::RsaPss, &[&fields]).expect("signed");
    let mut room = [0; ANCHOR_UPDATE];
    let update = attach_signature(&fields, signatures[0].as_bytes(), &mut room).expect("it fits").to_vec();
    let key = IssuerKey { fingerprint: fingerprint(to), not_before: at(NOW), update: Some(update.clone()) };
    let mut ledger = SqliteLedger::open(folder, &owner(from)).expect("opened");
    ledger.change_key(&key, at(NOW)).expect("changed");
    update
}

/// Issues a certificate of `subject` for `key(byte)`.
fn issue(authority: &mut Authority, subject: &str, byte: u8) -> (Serial, Vec<u8>) {
    let issued = authority.issue_many(&[proven(subject, byte, None)], at(NOW)).remove(0).expect("issued");
    (issued.serial, issued.certificate)
}

fn ask(serial: Serial, nonce: Option<u8>) -> StatusRequest {
    StatusRequest { serial, nonce: nonce.map(|byte| [byte; 32]), source: None }
}

/// A CA whose key has changed twice. It has issued one certificate by each key: the serial numbers and the certificates.
fn with_three_keys() -> (TempDir, Vec<(Serial, Vec<u8>)>) {
    let folder = TempDir::new().expect("a folder");
    let path = folder.path();
    let first = issue(&mut open(path, Bits2048, &[]), "a", 1);
    change_key(path, Bits2048, Bits3072);
    let second = issue(&mut open(path, Bits3072, &[]), "b", 2);
    change_key(path, Bits3072, Bits4096);
    let third = issue(&mut open(path, Bits4096, &[]), "c", 3);
    (folder, vec![first, second, third])
}

#[test]
fn a_status_is_signed_by_the_key_that_has_signed_the_certificate() {
    let (folder, issued) = with_three_keys();
    let mut authority = open(folder.path(), Bits4096, &[Bits2048, Bits3072]);
    let updates = authority.anchors().expect("read");
    let mut pinned = anchor(Bits2048);
    let steps = each_update(&updates, |text| {
        let update = AnchorUpdate::parse(text).expect("an update");
        pinned.follow(Portable::new(), &update).expect("the next step");
        Ok::<(), WireError>(())
    });
    assert_eq!((steps, pinned.fingerprint()), (Ok(()), fingerprint(Bits4096)));

    let unknown = Serial::new(7).expect("a number");
    let serials: Vec<_> = issued.iter().map(|(serial, _)| *serial).chain([unknown]).collect();
    // In one batch, in any order, with and without a nonce.
    let requests: Vec<_> =
        serials.iter().rev().flat_map(|serial| [ask(*serial, None), ask(*serial, Some(9))]).collect();
    let answers = authority.statuses(&requests, at(NOW));
    let keys = [Bits2048, Bits3072, Bits4096, Bits4096];
    for (request, answer) in requests.iter().zip(&answers) {
        let answer = answer.as_ref().expect("stated");
        let status = Status::parse(&answer.text).expect("a status");
        let index = serials.iter().position(|serial| *serial == request.serial).expect("it was asked for");
        assert_eq!((status.serial_number(), status.nonce()), (request.serial, request.nonce.as_ref()));
        assert_eq!(status.issuer_key(), fingerprint(keys[index]));
        let Some((_, certificate)) = issued.get(index) else {
            assert_eq!(status.status(), CertStatus::Unknown);
            continue;
        };
        let certificate = Certificate::parse(certificate).expect("a certificate");
        let policy = StatusPolicy { rule: StatusRule::Required, ..StatusPolicy::default() };
        let check = RevocationCheck::Status { status: Some(&answer.text), policy };
        cert::verify(Portable::new(), &pinned, &certificate, Now::Exact(at(NOW)), check).expect("good");
    }
    // The answers of all keys are kept.
    let again = authority.statuses(&requests, at(NOW + 1));
    let repeated: Vec<_> = again.iter().map(|answer| answer.as_ref().expect("stated").repeated).collect();
    assert_eq!(repeated, [false, false, true, false, true, false, true, false]);
}

#[test]
fn without_the_key_of_a_certificate_only_its_status_is_refused() {
    let (folder, issued) = with_three_keys();
    let mut authority = open(folder.path(), Bits4096, &[Bits2048]);
    let requests: Vec<_> = issued.iter().map(|(serial, _)| ask(*serial, None)).collect();
    let answers = authority.statuses(&requests, at(NOW));
    assert!(answers[0].is_ok() && answers[2].is_ok(), "{answers:?}");
    assert_eq!(answers[1], Err(Refused::KeyGone));
    issue(&mut authority, "d", 4);
}

#[test]
fn one_damaged_row_fails_only_its_own_status() {
    let (folder, issued) = with_three_keys();
    let mut authority = open(folder.path(), Bits4096, &[Bits2048, Bits3072]);
    let mut book = SqliteRecorder::open(folder.path(), &owner(Bits4096), at(NOW)).expect("opened");
    let change = RevocationChange::new(issued[0].0, RevocationReason::Superseded, "x");
    book.revoke(&[change], at(NOW)).expect("revoked");
    let ledger = rusqlite::Connection::open(folder.path().join(minipki_ledger::FILE)).expect("opened");
    ledger.execute("UPDATE revoked SET reason = 99", []).expect("changed");
    let requests: Vec<_> = issued.iter().map(|(serial, _)| ask(*serial, None)).collect();
    let answers = authority.statuses(&requests, at(NOW));
    assert_eq!(answers[0], Err(Refused::Damaged));
    assert!(answers[1].is_ok() && answers[2].is_ok(), "{answers:?}");
}

/// A proof for a CA with this fingerprint.
struct For(Fingerprint);

impl PossessionCheck for For {
    fn proves(&self, issuers: &[Fingerprint], token: Option<&TokenHash>) -> bool {
        token.is_none() && issuers.contains(&self.0)
    }
}

#[test]
fn a_proof_for_any_key_of_the_ca_is_accepted_and_the_present_key_signs() {
    let (folder, _) = with_three_keys();
    let mut authority = open(folder.path(), Bits4096, &[Bits2048, Bits3072]);
    let mut check = |pinned| {
        let request = CertificationRequest {
            subject_id: id("d"),
            subject_key: x25519_key(key(4)),
            proof: RequestProof::Key(Box::new(For(pinned))),
            source: None,
        };
        authority.check_possession(request, at(NOW)).map(|request| request.possession)
    };
    for size in [Bits2048, Bits3072, Bits4096] {
        assert_eq!(check(fingerprint(size)), Ok(Possession::X25519Dh), "{size:?}");
    }
    assert_eq!(check(Fingerprint([7; 32])), Err(Refused::ProofFailed));
    let (_, certificate) = issue(&mut authority, "d", 4);
    let certificate = Certificate::parse(&certificate).expect("a certificate");
    let verified = cert::verify(
        Portable::new(),
        &anchor(Bits4096),
        &certificate,
        Now::Exact(at(NOW)),
        RevocationCheck::NotChecked,
    );
    verified.expect("by the present key");
}

#[test]
fn each_key_signs_the_list_of_its_own_certificates() {
    let (folder, issued) = with_three_keys();
    let owner = owner(Bits4096);
    let mut book = SqliteRecorder::open(folder.path(), &owner, at(NOW)).expect("opened");
    for (serial, _) in &issued[..2] {
        let change = RevocationChange::new(*serial, RevocationReason::Superseded, "x");
        book.revoke(&[change], at(NOW)).expect("revoked");
    }
    let mut reader = SqliteReader::open(folder.path(), &owner).expect("opened");
    let mut sign = |size| {
        let mut signer = signer(size);
        sign_revocation_list(id("ca").as_id(), signer.as_mut(), &mut reader, 60, at(NOW))
    };
    let sizes = [Bits2048, Bits3072, Bits4096];
    for (size, names) in sizes.into_iter().zip([Some(0), Some(1), None]) {
        let text = sign(size).expect("signed").content;
        let list = RevocationList::verify(&anchor(size), &text).expect("by this key");
        let listed: Vec<_> = issued.iter().map(|(serial, _)| list.find(*serial).is_some()).collect();
        let expected: Vec<_> = (0..3).map(|index| Some(index) == names).collect();
        assert_eq!((list.number, listed), (2, expected), "{size:?}");
        for other in sizes.into_iter().filter(|other| *other != size) {
            RevocationList::verify(&anchor(other), &text).expect_err("by another key");
        }
    }
    // A key that the CA never had gets no list: an empty one would be wrong.
    let folder = TempDir::new().expect("a folder");
    minipki_ledger::create(folder.path(), &self::owner(Bits2048)).expect("made");
    reader = SqliteReader::open(folder.path(), &self::owner(Bits2048)).expect("opened");
    let mut stranger = signer(Bits3072);
    sign_revocation_list(id("ca").as_id(), stranger.as_mut(), &mut reader, 60, at(NOW)).expect_err("unknown");
}

#[test]
fn a_check_verifies_each_certificate_under_the_key_of_its_time() {
    let folder = TempDir::new().expect("a folder");
    let path = folder.path();
    let tls = |size| {
        let mut recorder = SqliteRecorder::open(path, &owner(size), at(NOW)).expect("opened");
        let request = TlsServerRequest {
            subject_id: id("console"),
            public_key: openssl(&["pkey", "-pubout", "-outform", "DER"], openssl_key(Bits2048)),
            names: vec![SubjectName::host("localhost").expect("a name")],
            more_names: Vec::new(),
        };
        let mut signer = signer(size);
        issue_tls_server(id("ca").as_id(), signer.as_mut(), &[], &mut recorder, &request, at(NOW))
            .expect("issued");
    };
    drop(open(path, Bits2048, &[]));
    tls(Bits2048);
    let update = change_key(path, Bits2048, Bits3072);
    issue(&mut open(path, Bits3072, &[]), "b", 2);
    tls(Bits3072);
    let last = change_key(path, Bits3072, Bits4096);
    issue(&mut open(path, Bits4096, &[]), "c", 3);
    let mut pinned = anchor(Bits2048);
    for update in [&update, &last] {
        pinned.follow(Portable::new(), &AnchorUpdate::parse(update).expect("an update")).expect("followed");
    }
    let check = |anchor: &Anchor| {
        let mut bad = Vec::new();
        let reader = SqliteReader::open(path, &owner(Bits4096)).expect("opened");
        let rows = reader.verify_all(anchor, |row| bad.push((row.id, row.what))).expect("read");
        (rows, bad)
    };
    assert_eq!(check(&pinned), (6, vec![]));
    // A former key that the anchor does not name is not trusted.
    let by_former: Vec<_> = (1..6).map(|id| (id, "issuer key")).collect();
    assert_eq!(check(&anchor(Bits4096)), (6, by_former));
    // The certificate in row 3 was signed by the key after the one that the table now names.
    let ledger = rusqlite::Connection::open(path.join(minipki_ledger::FILE)).expect("opened");
    ledger.execute("UPDATE issuer_keys SET first = 4 WHERE number = 2", []).expect("changed");
    assert_eq!(check(&pinned), (6, vec![(3, "signature")]));
}

#[tokio::test]
async fn the_changes_of_the_key_are_told_to_everybody_without_a_limit() {
    let (folder, _) = with_three_keys();
    let mut authority = open(folder.path(), Bits4096, &[Bits2048, Bits3072]);
    let expected = authority.anchors().expect("read");
    let options = ServerOptions { listen: ([127, 0, 0, 1], 0).into(), ..ServerOptions::default() };
    let server = Server::bind(authority, options).await.expect("a free port");
    let address = server.local_addr();
    let run = tokio::spawn(server.run(std::future::pending()));
    let mut stream = TcpStream::connect(address).await.expect("connected");
    for _ in 0..100 {
        send(&mut stream, br#"{"type":"anchors_request"}"#).await;
        let body = receive(&mut stream).await;
        assert_eq!(Response::decode(&body).expect("a response"), Response::Anchors(&expected));
    }
    run.abort();
}
