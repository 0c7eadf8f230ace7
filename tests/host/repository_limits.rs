//! Attacks on the repository: slow clients, large requests, many connections, and many requests for one list.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use minipki_ca::Policy;
use minipki_keys::SignerKind;
use minipki_ledger::Accept;
use minipki_provider::HostProvider;
use minipki_repository::{Limits, Repository};
use minipki_server::{CaOptions, CaService};
use minipki_tests::http::{get, raw, request};
use minipki_tests::program::{folder_with_alice, run};
use socket2::{Domain, Socket, Type};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use super::x509_ca_certificate::write_ca_certificate;
use super::x509_ca_crl::server;

/// A repository of a CA that is not served, with a certificate. It ends when this is dropped.
struct Served {
    folder: TempDir,
    address: SocketAddr,
    service: Arc<CaService>,
    runtime: Runtime,
}

impl Served {
    fn new(limits: Limits) -> Self {
        let folder = folder_with_alice();
        write_ca_certificate(folder.path(), "ca.pem");
        let runtime = Runtime::new().expect("a runtime");
        let service = CaService::open(HostProvider::default(), &folder.path().join("ca")).expect("a CA");
        let (service, listen) = (Arc::new(service), (Ipv4Addr::LOCALHOST, 0).into());
        let bound = runtime.block_on(Repository::bind(listen, limits, service.clone())).expect("a free port");
        let address = bound.local_addr();
        runtime.spawn(async move { bound.run().await });
        Self { folder, address, service, runtime }
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).expect("a connection");
        stream.set_read_timeout(Some(Duration::from_secs(30))).expect("a time limit");
        stream
    }

    fn start_ca(&self) {
        let options = CaOptions {
            listen: (Ipv4Addr::LOCALHOST, 0).into(),
            policy: Policy::default(),
            signer: SignerKind::Portable,
            limits: minipki_server::Limits::default(),
            accept: Accept::default(),
            tap: None,
        };
        self.runtime.block_on(self.service.start(options)).expect("started");
    }

    fn is_served(&self) -> bool {
        get(&self.address.to_string(), "/ca.crt").status == 200
    }
}

/// Whether the other side has ended the connection. Waits for it.
fn has_ended(stream: &mut TcpStream) -> bool {
    match stream.read(&mut [0; 1024]) {
        Ok(0) => true,
        Ok(_) => false,
        Err(error) => error.kind() != std::io::ErrorKind::WouldBlock,
    }
}

#[test]
fn a_slow_client_is_cut_off() {
    let served = Served::new(Limits { deadline: Duration::from_millis(500), ..Limits::default() });
    let begin = Instant::now();
    // Silent, and with a byte from time to time.
    let mut silent = served.connect();
    let mut slow = served.connect();
    let mut writer = slow.try_clone().expect("a copy");
    let writes = thread::spawn(move || {
        let head = b"GET /ca.crt HTTP/1.1\r\nX-Slow: ".iter().chain(std::iter::repeat(&b'x'));
        for byte in head.take(200) {
            if writer.write_all(&[*byte]).is_err() {
                break;
            }
            thread::sleep(Duration::from_millis(100));
        }
    });
    assert!(has_ended(&mut silent));
    let mut answer = Vec::new();
    let _ = slow.read_to_end(&mut answer);
    assert!(!answer.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&answer));
    assert!(begin.elapsed() < Duration::from_secs(10), "{:?}", begin.elapsed());
    writes.join().expect("no panic");
    assert!(served.is_served());
}

#[test]
fn a_client_that_never_reads_is_cut_off() {
    let limits = Limits { deadline: Duration::from_millis(500), requests: u32::MAX, ..Limits::default() };
    let served = Served::new(limits);
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    socket.set_recv_buffer_size(4096).expect("a small buffer");
    socket.connect(&served.address.into()).expect("a connection");
    let mut stream = TcpStream::from(socket);
    stream.set_write_timeout(Some(Duration::from_secs(30))).expect("a time limit");
    let many = b"GET /ca.pem HTTP/1.1\r\nHost: a\r\n\r\n".repeat(100);
    let begin = Instant::now();
    while stream.write_all(&many).is_ok() {}
    assert!(begin.elapsed() < Duration::from_secs(20), "{:?}", begin.elapsed());
    assert!(served.is_served());
}

#[test]
fn a_large_request_is_refused_before_it_is_read() {
    let served = Served::new(Limits::default());
    let address = served.address.to_string();
    let long = format!("X-Long: {}\r\n", "x".repeat(64 * 1024));
    assert_eq!(request(&address, "GET", "/ca.crt", &long).status, 431);
    let path = format!("/{}", "x".repeat(64 * 1024));
    assert!(matches!(get(&address, &path).status, 414 | 431));
    // A body that is announced, and never sent.
    let begin = Instant::now();
    for method in ["POST", "PUT"] {
        request(&address, method, "/ca.crt", "Content-Length: 1000000000000\r\n").expect(405);
    }
    request(&address, "GET", "/ca.crt", "Content-Length: 1000000000000\r\n").expect(200);
    assert!(begin.elapsed() < Duration::from_secs(9), "{:?}", begin.elapsed());
    raw(&address, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03").expect(400);
    assert!(served.is_served());
}

#[test]
fn a_connection_has_few_requests_and_a_short_life() {
    let limits = Limits { requests: 3, life: Duration::from_secs(1), ..Limits::default() };
    let served = Served::new(limits);
    let mut stream = served.connect();
    stream.write_all(&b"GET /ca.crt HTTP/1.1\r\nHost: a\r\n\r\n".repeat(5)).expect("sent");
    let mut answers = Vec::new();
    let _ = stream.read_to_end(&mut answers);
    let answers = String::from_utf8_lossy(&answers).into_owned();
    assert_eq!(answers.matches("HTTP/1.1 200").count(), 3, "{answers}");
    let begin = Instant::now();
    assert!(has_ended(&mut served.connect()));
    assert!(begin.elapsed() < Duration::from_secs(8), "{:?}", begin.elapsed());
}

#[test]
fn one_connection_too_many_closes_the_oldest_one() {
    let served = Served::new(Limits { connections: 3, ..Limits::default() });
    let mut held: Vec<_> = (0..3).map(|_| served.connect()).collect();
    // The server must have accepted them in this order.
    thread::sleep(Duration::from_millis(300));
    assert!(served.is_served());
    assert!(has_ended(&mut held[0]));
    let mut flood: Vec<_> = (0..100).map(|_| served.connect()).collect();
    assert!(served.is_served());
    assert!(has_ended(&mut flood[0]));
}

#[test]
fn many_clients_get_one_list() {
    let folder = folder_with_alice();
    let at = folder.path();
    write_ca_certificate(at, "ca.pem");
    server(at, "www.example");
    let (program, address) = super::repository::serve(at, &[]);
    let clients: Vec<_> = (0..20)
        .map(|_| {
            let address = address.clone();
            thread::spawn(move || get(&address, "/crl/0.crl").expect(200).body)
        })
        .collect();
    let lists: Vec<_> = clients.into_iter().map(|client| client.join().expect("no panic")).collect();
    assert!(lists.iter().all(|list| *list == lists[0]), "different lists");
    program.stop().expect(0);
}

#[test]
fn without_its_issuer_a_repository_serves_the_last_list() {
    // Nothing was made before.
    let served = Served::new(Limits::default());
    let address = served.address.to_string();
    let refused = get(&address, "/crl/0.crl").expect(503);
    assert_eq!(
        (refused.header("retry-after"), refused.header("cache-control")),
        (Some("5"), Some("no-store"))
    );
    assert!(refused.text().contains("Try again later"), "{}", refused.text());
    assert!(served.is_served());

    served.start_ca();
    thread::sleep(Duration::from_millis(1100));
    let list = get(&address, "/crl/0.crl").expect(200);
    served.runtime.block_on(served.service.stop()).expect("stopped");
    let revoke = ["ca", "revoke", "--dir", "ca", "--subject", "alice", "--reason", "superseded"];
    run(served.folder.path(), &revoke).expect(0);
    thread::sleep(Duration::from_millis(1100));
    assert_eq!(get(&address, "/crl/0.crl").expect(200).body, list.body);
    get(&address, "/crl.json").expect(503);
    served.start_ca();
    thread::sleep(Duration::from_millis(1100));
    assert_ne!(get(&address, "/crl/0.crl").expect(200).body, list.body);
    get(&address, "/crl.json").expect(200);
}
