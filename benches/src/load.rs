//! Clients that ask a CA over TCP for one certificate after the other, and the time that this takes.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use getrandom::{SysRng, rand_core::UnwrapErr};
use minipki_client::{EnrolOptions, enrol_over, proven};
use minipki_core::crypto::KeyPair;
use minipki_core::session::EnrolForm;
use minipki_provider::HostProvider;
use minipki_server::Limits;
use tokio::net::TcpStream;
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinSet;

use crate::fixture::subject;
use crate::{CaProcess, Cores};

/// A client that has many keys certified, each under a new name.
pub struct Client {
    options: EnrolOptions,
    kept: bool,
    /// The kept connection, and the number of its requests.
    stream: Option<(TcpStream, usize)>,
    /// The number of the certificates that all clients of the CA have verified.
    enrolled: Arc<AtomicU64>,
}

impl Client {
    /// A client of `ca`, for the proven or the classic form. With `kept`, it sends as many requests on a connection as the
    /// CA allows.
    pub fn new(ca: &CaProcess, in_proven_form: bool, kept: bool) -> Self {
        let name = subject(0).parse().expect("a name");
        let form = if in_proven_form { proven(None) } else { EnrolForm::Classic };
        let options = EnrolOptions { form, ..EnrolOptions::new(ca.address(), name, ca.anchor().clone()) };
        Self { options, kept, stream: None, enrolled: ca.enrolled.clone() }
    }

    /// Has a new key certified. Returns the time from the connection, or from the request on a kept connection, to the
    /// verified certificate.
    pub async fn enrol(&mut self) -> Duration {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let mut options = self.options.clone();
        options.subject = subject(NEXT.fetch_add(1, Ordering::Relaxed)).parse().expect("a name");
        let key = KeyPair::generate(HostProvider::default(), &mut UnwrapErr(SysRng));

        let start = Instant::now();
        let (mut stream, requests) = match self.stream.take() {
            Some(kept) => kept,
            None => {
                let stream = TcpStream::connect(self.options.ca.as_str()).await.expect("a connection");
                stream.set_nodelay(true).expect("a socket");
                (stream, 0)
            }
        };
        let (mut reader, mut writer) = stream.split();
        let identity = enrol_over(&mut reader, &mut writer, key, options).await;
        let took = start.elapsed();

        identity.expect("a certificate that verifies, for the name and key that were sent");
        self.enrolled.fetch_add(1, Ordering::Relaxed);
        let requests = requests + 1;
        self.stream = (self.kept && requests < Limits::default().requests).then_some((stream, requests));
        took
    }
}

/// Clients that ask at the same time.
#[derive(Clone, Copy)]
pub struct Load {
    /// The number of the clients.
    pub connections: usize,
    /// Whether the requests have the proven form, or else the classic one.
    pub proven: bool,
    /// Whether each client keeps its connection.
    pub kept: bool,
}

/// The measured times of a load.
pub struct Turn {
    /// The CPU time of the CA.
    pub cpu: Duration,
    /// The wall-clock time of the turn.
    pub took: Duration,
    /// The time of each request.
    pub latencies: Vec<Duration>,
}

impl Turn {
    /// Certificates a second.
    pub fn rate(&self) -> f64 {
        self.latencies.len() as f64 / self.took.as_secs_f64()
    }
}

impl Load {
    /// Lets each client ask repeatedly for the time `lasting`, and at least once. A client that keeps its connection gets
    /// a first certificate before the clocks start.
    pub fn turn(self, ca: &CaProcess, lasting: Duration) -> Turn {
        let (threads, cores) = client_threads(ca.cores());
        let threads = threads.min(self.connections);
        let shares = (0..threads).map(|index| Share::new(self, (self.connections + index) / threads, ca));
        let mut shares: Vec<Share> = shares.collect();
        if self.kept {
            for share in &mut shares {
                share.ask(Duration::ZERO);
            }
        }
        let (cpu, start) = (ca.cpu(), Instant::now());
        let latencies = thread::scope(|scope| {
            let ask = |share: &mut Share| {
                cores.confine();
                share.ask(lasting)
            };
            let threads: Vec<_> = shares.iter_mut().map(|share| scope.spawn(move || ask(share))).collect();
            threads.into_iter().flat_map(|thread| thread.join().expect("its clients are served")).collect()
        });
        // The connections are closed after the clocks have stopped.
        Turn { cpu: ca.cpu() - cpu, took: start.elapsed(), latencies }
    }
}

/// The number of the client threads, and their cores: a thread for each core that the CA does not have. If the CA has all
/// cores, the clients share them, with a thread for every two cores.
fn client_threads(of_ca: &Cores) -> (usize, Cores) {
    let all = Cores::allowed();
    match all.without(of_ca) {
        Some(rest) => (rest.count(), rest),
        None => ((all.count() / 2).max(1), all),
    }
}

/// The clients of one thread.
struct Share {
    runtime: Runtime,
    clients: Vec<Client>,
}

impl Share {
    fn new(load: Load, connections: usize, ca: &CaProcess) -> Self {
        let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
        Self { runtime, clients: (0..connections).map(|_| Client::new(ca, load.proven, load.kept)).collect() }
    }

    /// Lets each client ask for the time `lasting`, and at least once. Returns the time of each request.
    fn ask(&mut self, lasting: Duration) -> Vec<Duration> {
        let clients = self.clients.drain(..);
        let done = self.runtime.block_on(async {
            let start = Instant::now();
            let ask = |mut client: Client| async move {
                let mut latencies = Vec::new();
                while latencies.is_empty() || start.elapsed() < lasting {
                    latencies.push(client.enrol().await);
                }
                (client, latencies)
            };
            clients.map(ask).collect::<JoinSet<_>>().join_all().await
        });
        let (clients, latencies): (_, Vec<_>) = done.into_iter().unzip();
        self.clients = clients;
        latencies.concat()
    }
}
