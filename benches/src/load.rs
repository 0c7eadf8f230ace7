//! Clients of a CA over TCP, each asking for one certificate after the other, and what that takes.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use getrandom::{SysRng, rand_core::UnwrapErr};
use minipki_client::{EnrolOptions, enrol_over, proven};
use minipki_core::crypto::KeyPair;
use minipki_core::session::EnrolForm;
use minipki_provider::Chosen;
use minipki_server::Limits;
use tokio::net::TcpStream;
use tokio::sync::Barrier;
use tokio::task::JoinSet;

use crate::Served;
use crate::fixture::subject;

/// Certificates that all clients have got.
static ENROLLED: AtomicU64 = AtomicU64::new(0);

/// How many certificates the clients of this process have got, and verified.
pub fn enrolled() -> u64 {
    ENROLLED.load(Ordering::Relaxed)
}

/// One who has many keys certified, each under a new name.
pub struct Client {
    options: EnrolOptions,
    kept: bool,
    /// A connection that is kept, with the requests it has had.
    stream: Option<(TcpStream, usize)>,
}

impl Client {
    /// A client of `ca`, in the proven form or the classic one; `kept` if it keeps its connection from one request
    /// to the next, as long as the CA lets it.
    pub fn new(ca: &Served, in_proven_form: bool, kept: bool) -> Self {
        let name = subject(0).parse().expect("a name");
        let form = if in_proven_form { proven(None) } else { EnrolForm::Classic };
        let options = EnrolOptions { form, ..EnrolOptions::new(ca.address(), name, ca.anchor().clone()) };
        Self { options, kept, stream: None }
    }

    /// Has a new key certified; returns the time from connecting, or from the request on a connection that is there,
    /// until the certificate is verified.
    pub async fn enrol(&mut self) -> Duration {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let mut options = self.options.clone();
        options.subject = subject(NEXT.fetch_add(1, Ordering::Relaxed)).parse().expect("a name");
        let key = KeyPair::<Chosen>::generate(&mut UnwrapErr(SysRng));

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
        ENROLLED.fetch_add(1, Ordering::Relaxed);
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

impl Load {
    /// Has each client ask again and again, for so long and once at least. Who keeps a connection has it, and a
    /// certificate over it, before the clocks start.
    pub async fn turn(self, ca: &Served, lasting: Duration) -> Turn {
        let barrier = Arc::new(Barrier::new(self.connections + 1));
        let mut clients = JoinSet::new();
        for _ in 0..self.connections {
            let (barrier, mut client) = (barrier.clone(), Client::new(ca, self.proven, self.kept));
            clients.spawn(async move {
                if self.kept {
                    client.enrol().await;
                }
                // All are ready; then, the clocks run.
                barrier.wait().await;
                barrier.wait().await;
                let (start, mut latencies) = (Instant::now(), Vec::new());
                while latencies.is_empty() || start.elapsed() < lasting {
                    latencies.push(client.enrol().await);
                }
                // The connection is closed by the caller, when the clocks have stopped.
                (client, latencies)
            });
        }
        barrier.wait().await;
        let (cpu, start) = (ca.cpu(), Instant::now());
        barrier.wait().await;
        let done = clients.join_all().await;
        let (cpu, took) = (ca.cpu() - cpu, start.elapsed());
        Turn { cpu, took, latencies: done.into_iter().flat_map(|(_, latencies)| latencies).collect() }
    }
}
