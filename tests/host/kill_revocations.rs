//! The CA is killed during revocations, renewals and changes of its key, while clients and an operator are at work.

use std::collections::HashMap;
use std::env;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread::sleep;
use std::time::Duration;

use getrandom::SysRng;
use minipki_core::cert::{Anchor, Certificate, Status};
use minipki_core::crypto::{KeyPair, Portable};
use minipki_core::session::{
    self, EnrolForm, EnrolOutcome, Enrolment, HolderRevocation, RevokeOutcome, StatusOutcome, StatusQuery,
};
use minipki_core::time::Now;
use minipki_core::trust::{CertStatus, Revocation, RevocationReason, Serial};
use minipki_core::wire::Code;
use minipki_net::NetError;
use minipki_tests::ca::id;
use minipki_tests::program::{run, start};
use minipki_tests::server::{PROVEN, ask, now, soon};
use rand_core::{TryRng, UnwrapErr};
use rusqlite::Connection;
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinSet;

/// The number of kills, unless `MINIPKI_KILLS` is another number.
const KILLS: usize = 8;

/// The number of concurrent clients. Two clients each want the same names.
const CLIENTS: usize = 4;

/// The answers of the CA to its clients and its operator.
#[derive(Default)]
struct Told {
    certificates: Vec<Vec<u8>>,
    revocations: Vec<(Serial, Revocation)>,
    statuses: Vec<Vec<u8>>,
    /// Certificates that an operator has revoked.
    by_operator: Vec<Serial>,
}

fn random(below: u64) -> u64 {
    SysRng.try_next_u64().expect("random numbers") % below
}

fn serial(certificate: &[u8]) -> Serial {
    Certificate::parse(certificate).expect("a certificate").serial_number()
}

/// A client of one round.
struct Client {
    stream: TcpStream,
    anchor: Anchor,
    told: Arc<Mutex<Told>>,
}

impl Client {
    /// Gets a certificate for `key`; `None` if the name belongs to another client.
    async fn certificate(
        &mut self,
        subject: &str,
        key: &KeyPair,
        form: EnrolForm<'_>,
    ) -> Result<Option<Serial>, NetError> {
        let now = Now::Exact(now().checked_add_seconds(2).expect("a time"));
        let enrolment = Enrolment { subject_id: id(subject), key, anchor: &self.anchor, now, form };
        let (outcome, body) = ask(&mut self.stream, enrolment).await?;
        match outcome {
            EnrolOutcome::Issued(text) | EnrolOutcome::OutOfTime { certificate: text, .. } => {
                let serial = serial(&body[text.clone()]);
                self.told.lock().expect("alive").certificates.push(body[text].to_vec());
                Ok(Some(serial))
            }
            EnrolOutcome::Refused { code: Code::SubjectTaken | Code::Revoked | Code::Busy, .. } => Ok(None),
            EnrolOutcome::Refused { code, .. } => panic!("refused: {code}"),
        }
    }

    async fn revoke(&mut self, serial: Serial, key: &KeyPair) -> Result<(), NetError> {
        let reason =
            [RevocationReason::Superseded, RevocationReason::CessationOfOperation][random(2) as usize];
        let issuer = self.anchor.fingerprint();
        let revocation = HolderRevocation { serial_number: serial, reason, key, issuer };
        match ask(&mut self.stream, revocation).await?.0 {
            RevokeOutcome::Revoked(revocation) => {
                self.told.lock().expect("alive").revocations.push((serial, revocation));
            }
            RevokeOutcome::Refused { code: Code::Busy, .. } => {}
            RevokeOutcome::Refused { code, .. } => panic!("refused: {code}"),
        }
        Ok(())
    }

    async fn status(&mut self, serial: Serial) -> Result<(), NetError> {
        let anchor = &self.anchor;
        let query = StatusQuery { provider: Portable::new(), serial_number: serial, anchor, nonce: true };
        let (outcome, body) = ask(&mut self.stream, query).await?;
        match outcome {
            StatusOutcome::Status(text) => {
                self.told.lock().expect("alive").statuses.push(body[text].to_vec());
            }
            StatusOutcome::Refused { code: Code::Busy, .. } => {}
            StatusOutcome::Refused { code, .. } => panic!("refused: {code}"),
        }
        Ok(())
    }

    /// Enrols, renews, revokes and asks, name after name, until the CA is gone.
    async fn work(mut self, names: String) -> Result<(), NetError> {
        let key = || KeyPair::generate(Portable::new(), &mut UnwrapErr(SysRng));
        for n in 0.. {
            let (subject, first, second) = (format!("{names}-{n}"), key(), key());
            let Some(old) = self.certificate(&subject, &first, PROVEN).await? else { continue };
            self.status(old).await?;
            let form = EnrolForm::Renewal { serial_number: old, current: &first };
            let new = self.certificate(&subject, &second, form).await?;
            self.revoke(old, &first).await?;
            self.status(old).await?;
            if let Some(new) = new.filter(|_| n % 3 == 0) {
                // The name is free again.
                self.revoke(new, &second).await?;
                self.status(new).await?;
            }
        }
        Ok(())
    }
}

/// One life of the server: clients and an operator work until it is killed.
fn round(runtime: &Runtime, at: &Path, number: usize, told: &Arc<Mutex<Told>>) {
    let serve = ["ca", "serve", "--dir", "ca", "--listen", "127.0.0.1:0", "--validity", "60s"];
    let unlimited = ["--key-limit", "0", "--name-limit", "0", "--source-limit", "0", "--status-limit", "0"];
    let mut server = start(at, &[&serve[..], &unlimited].concat());
    let address: SocketAddr = server.address("serving").parse().expect("an address");
    let anchor = fs::read(at.join("ca/anchor.json")).expect("the CA's anchor");
    let anchor = Anchor::decode(Portable::new(), &anchor).expect("a good anchor");
    let mut clients = JoinSet::new();
    for client in 0..CLIENTS {
        let (anchor, told) = (anchor.clone(), told.clone());
        let work = async move {
            let stream = TcpStream::connect(address).await.expect("the server listens");
            let ended = Client { stream, anchor, told }.work(format!("{number}-{}", client / 2)).await;
            // The kill cuts the connection. No answer is wrong.
            match ended {
                Err(NetError::Io(_) | NetError::Session(session::Error::Truncated)) => {}
                ended => panic!("{ended:?}"),
            }
        };
        clients.spawn_on(work, runtime.handle());
    }
    let answers = |told: &Told| told.revocations.len() + told.statuses.len();
    let enough = answers(&told.lock().expect("alive")) + 1 + random(40) as usize;
    runtime.block_on(soon(async {
        while answers(&told.lock().expect("alive")) < enough {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }));
    sleep(Duration::from_micros(random(20_000)));
    let newest = told.lock().expect("alive").certificates.last().map(|text| serial(text));
    if let Some(serial) = newest.filter(|_| random(2) == 0) {
        let revoke =
            ["ca", "revoke", "--dir", "ca", "--serial", &serial.to_string(), "--reason", "superseded"];
        let done = run(at, &revoke);
        if done.code == Some(0) {
            told.lock().expect("alive").by_operator.push(serial);
        }
        sleep(Duration::from_micros(random(20_000)));
    }
    // Dropping a running program sends SIGKILL.
    drop(server);
    runtime.block_on(soon(clients.join_all()));
}

/// Starts a change of the CA's key, and kills it at a random time. The next start of the CA finishes it.
fn change_key(at: &Path) {
    let rollover = start(at, &["ca", "rollover", "--dir", "ca"]);
    sleep(Duration::from_micros(random(400_000)));
    drop(rollover);
}

#[test]
fn killed_at_any_time_the_ca_loses_no_revocation_and_gives_no_name_to_two_owners() {
    let kills = env::var("MINIPKI_KILLS").map_or(KILLS, |kills| kills.parse().expect("a number of kills"));
    let folder = TempDir::new().expect("a folder");
    let at = folder.path();
    run(at, &["ca", "init", "--dir", "ca"]).expect(0);
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    let told = Arc::default();
    for number in 0..kills {
        if number % 4 == 3 {
            change_key(at);
        }
        round(&runtime, at, number, &told);
    }
    run(at, &["ca", "check", "--dir", "ca"]).expect(0);
    let told = Arc::into_inner(told).expect("all clients have ended").into_inner().expect("alive");
    assert!(told.certificates.len() > kills && told.revocations.len() > kills, "there was no load");
    check(&told, &Connection::open(at.join("ca").join(minipki_ledger::FILE)).expect("the ledger"));
}

/// A certificate in the ledger.
struct Recorded {
    subject: String,
    key: Vec<u8>,
    issued: u64,
    renews: Option<Serial>,
    text: Vec<u8>,
    /// The number of the revocation, its time and its reason.
    revoked: Option<(u64, u64, RevocationReason)>,
}

/// The certificates in the order of issue, with their serial numbers.
fn recorded(ledger: &Connection) -> Vec<(Serial, Recorded)> {
    let serial = |octets: Vec<u8>| Serial::from_be_bytes(&octets).expect("a serial number");
    let mut query = ledger
        .prepare(
            "SELECT c.serial, c.subject_id, c.subject_key, i.issued, i.renews, CAST(c.certificate AS BLOB),
                 r.number, r.revoked_at, r.reason
             FROM certificates c JOIN issued i USING (id) LEFT JOIN revoked r USING (id) ORDER BY c.id",
        )
        .expect("the tables of a ledger");
    let rows = query.query_map([], |row| {
        let number = |column: usize| row.get::<_, i64>(column).map(i64::unsigned_abs);
        let revoked = row.get::<_, Option<i64>>(6)?.map(|_| {
            let reason = RevocationReason::from_code(row.get(8)?).expect("a reason");
            Ok::<_, rusqlite::Error>((number(6)?, number(7)?, reason))
        });
        let recorded = Recorded {
            subject: row.get(1)?,
            key: row.get(2)?,
            issued: number(3)?,
            renews: row.get::<_, Option<Vec<u8>>>(4)?.map(serial),
            text: row.get(5)?,
            revoked: revoked.transpose()?,
        };
        Ok((serial(row.get(0)?), recorded))
    });
    rows.expect("rows").collect::<Result<_, _>>().expect("good rows")
}

/// Compares all that was told with the ledger.
fn check(told: &Told, ledger: &Connection) {
    let in_order = recorded(ledger);
    let count = in_order.len();
    let by_serial: HashMap<_, _> = in_order.iter().map(|(serial, recorded)| (*serial, recorded)).collect();
    assert_eq!(by_serial.len(), count, "a serial number was used twice");
    for text in &told.certificates {
        assert_eq!(&by_serial[&serial(text)].text, text, "a certificate that was sent is in the ledger");
    }
    for (serial, Revocation { reason, revoked_at }) in &told.revocations {
        let (_, at, recorded) = by_serial[serial].revoked.expect("an answered revocation is in the ledger");
        assert_eq!((recorded, at), (*reason, revoked_at.get()), "certificate {serial}");
    }
    for serial in &told.by_operator {
        assert!(by_serial[serial].revoked.is_some(), "the operator's revocation of {serial} is lost");
    }
    // A status says what held at its revocation number. If a number had been used twice, some status would not.
    let mut revoked_seen = 0;
    for text in &told.statuses {
        let status = Status::parse(text).expect("a status");
        let change = by_serial[&status.serial_number()].revoked;
        match status.status() {
            CertStatus::Good => {
                assert!(change.is_none_or(|(number, ..)| number > status.number()), "{change:?}");
            }
            CertStatus::Revoked(revocation) => {
                let (number, at, reason) = change.expect("a stated revocation is in the ledger");
                assert!(number <= status.number(), "{number} is after {}", status.number());
                assert_eq!((reason, at), (revocation.reason, revocation.revoked_at.get()));
                revoked_seen += 1;
            }
            CertStatus::Unknown => panic!("a certificate that was sent is unknown"),
        }
    }
    assert!(revoked_seen > 0, "no status of a revoked certificate was seen");

    // The name passes to another key by a renewal, or after all earlier certificates were revoked or have ended.
    let mut owners: HashMap<&str, Vec<&(Serial, Recorded)>> = HashMap::new();
    for certificate in &in_order {
        let (serial, new) = certificate;
        let earlier = owners.entry(&new.subject).or_default();
        for (old_serial, old) in earlier.iter().filter(|(_, old)| old.key != new.key) {
            let ended =
                |at: u64| Certificate::parse(&old.text).expect("good").validity().not_after().get() < at;
            let free = old.revoked.is_some_and(|(_, at, _)| at <= new.issued) || ended(new.issued);
            // A renewed certificate stays valid beside its successor.
            let renewed = new.renews == Some(*old_serial);
            assert!(free || renewed, "{} belongs to {old_serial} and to {serial}", new.subject);
        }
        earlier.push(certificate);
    }
}
