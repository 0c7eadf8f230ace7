//! Clients of a CA over TCP, each asking for one certificate after the other, and what that takes.

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
use crate::{Cores, Served};

/// One who has many keys certified, each under a new name.
pub struct Client {
    options: EnrolOptions,
    kept: bool,
    /// A connection that is kept, with the requests it has had.
    stream: Option<(TcpStream, usize)>,
    /// The certificates that all clients of the CA have.
    enrolled: Arc<AtomicU64>,
}

impl Client {
    /// A client of `ca`, in the proven form or the classic one; `kept` if it keeps its connection from one request
    /// to the next, as long as the CA lets it.
    pub fn new(ca: &Served, in_proven_form: bool, kept: bool) -> Self {
        let name = subject(0).parse().expect("a name");
        let form = if in_proven_form { proven(None) } else { EnrolForm::Classic };
        let options = EnrolOptions { form, ..EnrolOptions::new(ca.address(), name, ca.anchor().clone()) };
        Self { options, kept, stream: None, enrolled: ca.enrolled.clone() }
    }

    /// Has a new key certified; returns the time from connecting, or from the request on a connection that is there,
    /// until the certificate is verified.
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

/// Clients that ask all at the same time.
#[derive(Clone, Copy)]
pub struct Load {
    /// How many.
    pub connections: usize,
    /// In the proven form, or else in the classic one.
    pub proven: bool,
    /// Whether each keeps its connection.
    pub kept: bool,
}

/// What a load was for the CA and for the clients.
pub struct Turn {
    /// What the CA computed.
    pub cpu: Duration,
    /// How long it took on the wall.
    pub took: Duration,
    /// How long each request took.
    pub latencies: Vec<Duration>,
}

impl Turn {
    /// Certificates a second.
    pub fn rate(&self) -> f64 {
        self.latencies.len() as f64 / self.took.as_secs_f64()
    }
}

impl Load {
    /// Has each client ask again and again, for so long and once at least. A client that keeps its connection has it,
    /// and a certificate over it, before the clocks start.
    pub fn turn(self, ca: &Served, lasting: Duration) -> Turn {
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
        // The connections are closed when the clocks have stopped.
        Turn { cpu: ca.cpu() - cpu, took: start.elapsed(), latencies }
    }
}

/// The number of the threads that the clients of a CA have, and their cores: a thread on each core that the CA does not
/// have. Where it has all, the clients share them, with a thread for every two.
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
    fn new(load: Load, connections: usize, ca: &Served) -> Self {
        let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
        Self { runtime, clients: (0..connections).map(|_| Client::new(ca, load.proven, load.kept)).collect() }
    }

    /// Has each client ask, for so long and once at least; returns how long each request took.
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
