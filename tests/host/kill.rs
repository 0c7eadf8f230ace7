//! The CA's server is killed under load. No serial number is used twice, and every answer is on the disk.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use getrandom::SysRng;
use minipki_ca::ports::{LedgerReader, Page};
use minipki_core::cert::{Anchor, Certificate};
use minipki_core::crypto::{KeyPair, Portable};
use minipki_core::trust::Serial;
use minipki_ledger::{Owner, SqliteReader};
use minipki_tests::program::{Running, run, start};
use minipki_tests::server::{Outcome, PROVEN, enrol, soon};
use rand_core::{TryRng, UnwrapErr};
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::Notify;
use tokio::task::JoinSet;

/// The number of concurrent clients. Each requests one certificate after another.
const CLIENTS: usize = 8;

/// The number of kills.
const KILLS: usize = 5;

pub(crate) fn serve(folder: &Path) -> (Running, SocketAddr) {
    let mut server = start(folder, &["ca", "serve", "--dir", "ca", "--listen", "127.0.0.1:0"]);
    let address = server.address("serving").parse().expect("an address");
    (server, address)
}

/// Running clients. They end with the server and return their certificates.
pub(crate) struct Load {
    clients: JoinSet<Vec<Vec<u8>>>,
    granted: Arc<AtomicUsize>,
    progress: Arc<Notify>,
    stopped: Arc<AtomicBool>,
}

impl Load {
    /// Starts `clients` clients. Their subjects begin with the number of the round.
    pub(crate) fn start(
        runtime: &Runtime,
        address: SocketAddr,
        anchor: &Anchor,
        round: usize,
        clients: usize,
    ) -> Self {
        let (granted, progress, stopped) = (Arc::default(), Arc::default(), Arc::default());
        let mut load = Self { clients: JoinSet::new(), granted, progress, stopped };
        for client in 0..clients {
            let (granted, progress) = (load.granted.clone(), load.progress.clone());
            let (anchor, stopped) = (anchor.clone(), load.stopped.clone());
            let work = async move {
                let mut received = Vec::new();
                let mut stream = TcpStream::connect(address).await.expect("the server listens");
                for n in 0.. {
                    let subject = format!("{round}-{client}-{n}");
                    let key = KeyPair::generate(Portable::new(), &mut UnwrapErr(SysRng));
                    match enrol(&mut stream, &anchor, &subject, &key, PROVEN).await {
                        Ok(Outcome::Granted(certificate)) => received.push(certificate),
                        Ok(refused) => panic!("{refused:?}"),
                        Err(_) => break,
                    }
                    granted.fetch_add(1, Ordering::Relaxed);
                    progress.notify_one();
                    if stopped.load(Ordering::Relaxed) {
                        break;
                    }
                }
                received
            };
            load.clients.spawn_on(work, runtime.handle());
        }
        load
    }

    /// Waits until `count` certificates are issued.
    pub(crate) async fn granted(&self, count: usize) {
        while self.granted.load(Ordering::Relaxed) < count {
            soon(self.progress.notified()).await;
        }
    }

    /// Stops each client after its running request.
    pub(crate) fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
    }

    /// Waits for the clients and returns their certificates.
    pub(crate) async fn end(self) -> Vec<Vec<u8>> {
        soon(self.clients.join_all()).await.concat()
    }
}

fn random(below: u64) -> u64 {
    SysRng.try_next_u64().expect("random numbers") % below
}

#[test]
fn killed_under_load_the_ledger_has_every_answer_and_no_serial_twice() {
    let folder = TempDir::new().expect("a folder");
    run(folder.path(), &["ca", "init", "--dir", "ca"]).expect(0);
    let ca = folder.path().join("ca");
    let anchor = fs::read(ca.join("anchor.json")).expect("the CA's anchor");
    let anchor = Anchor::decode(Portable::new(), &anchor).expect("a good anchor");
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");

    let mut received = Vec::new();
    for round in 0..KILLS {
        let (server, address) = serve(folder.path());
        let load = Load::start(&runtime, address, &anchor, round, CLIENTS);
        // The kill comes at a random time after a random number of certificates.
        runtime.block_on(load.granted(1 + random(60) as usize));
        std::thread::sleep(Duration::from_micros(random(5000)));
        // Dropping a running program sends SIGKILL.
        drop(server);
        received.extend(runtime.block_on(load.end()));
    }
    // A stop under load succeeds.
    let (server, address) = serve(folder.path());
    let load = Load::start(&runtime, address, &anchor, KILLS, CLIENTS);
    runtime.block_on(load.granted(10));
    server.stop().expect(0);
    received.extend(runtime.block_on(load.end()));

    // Each client has verified its certificates. No two clients have received the same one.
    let serials: HashSet<Serial> = received.iter().map(|text| serial(text)).collect();
    assert_eq!(serials.len(), received.len(), "a serial number was issued twice");

    let issuer_id = anchor.issuer_id().expect("the CA's own anchor is whole").into();
    let owner = Owner { issuer_id, fingerprint: anchor.fingerprint() };
    let mut ledger = SqliteReader::open(&ca, &owner).expect("the ledger is sound");
    let records = ledger.list(Page { subject: None, after: 0, limit: usize::MAX }).expect("a listing");
    let recorded: HashMap<Serial, &[u8]> =
        records.iter().map(|record| (record.serial, &record.certificate[..])).collect();
    assert_eq!(recorded.len(), records.len(), "a serial number was recorded twice");
    for text in &received {
        let record = recorded.get(&serial(text)).expect("every answer is in the ledger");
        assert_eq!(record, text);
    }
    for record in &records {
        assert_eq!(serial(&record.certificate), record.serial);
    }
}

pub(crate) fn serial(text: &[u8]) -> Serial {
    Certificate::parse(text).expect("a certificate").serial_number()
}
