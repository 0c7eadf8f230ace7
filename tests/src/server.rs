//! A CA's server within the test, honest clients for it, and functions for raw sockets.

use std::net::SocketAddr;
use std::sync::{Arc, mpsc};
use std::time::Duration;

use minipki_ca::ports::{LedgerReader, Storage};
use minipki_ca::{Policy, SignError, Signature, SignatureAlgorithm, Signer, TokenHash};
use minipki_core::bytes::Secret;
use minipki_core::cert::{Anchor, Id};
use minipki_core::crypto::{KeyPair, Portable, rsa};
use minipki_core::limits::FRAME;
use minipki_core::link::{Link, Want};
use minipki_core::session::{CaClient, CaRequest, EnrolForm, EnrolOutcome, Enrolment};
use minipki_core::time::{Now, UnixTime};
use minipki_core::wire::{Code, Refusal};
use minipki_lab::CaEndpoint;
use minipki_net::drive;
use minipki_net::trace::Tap;
use minipki_os::clock;
use minipki_server::{Limits, ServeError, Server, ServerOptions, Summary};
use rand_core::UnwrapErr;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{mpsc as tokio_mpsc, oneshot};
use tokio::task::JoinHandle;

use crate::ca::{TestAuthority, id};

/// The proven form without a token.
pub const PROVEN: EnrolForm<'static> = EnrolForm::Proven { token: None };

/// The time limit of [`soon`].
const TIMEOUT: Duration = Duration::from_secs(20);

/// Waits for a future. Panics after a time limit, so that a test cannot hang.
pub async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(TIMEOUT, future).await.expect("the awaited event did not come in time")
}

/// The present time.
pub fn now() -> UnixTime {
    clock::now().expect("a clock")
}

/// The key pair with a secret of this repeated byte.
pub fn pair(byte: u8) -> KeyPair {
    KeyPair::from_secret(Portable::new(), Secret::new([byte; 32]))
}

/// The proven form with this token.
pub fn with_token(text: &str) -> EnrolForm<'static> {
    EnrolForm::Proven { token: Some(Secret::new(*TokenHash::of(text).as_bytes())) }
}

/// The result of an enrolment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// A certificate that the client has verified.
    Granted(Vec<u8>),
    /// A refusal: its code and its bytes.
    Refused(Code, Vec<u8>),
}

impl Outcome {
    /// The certificate.
    pub fn granted(self) -> Vec<u8> {
        match self {
            Self::Granted(certificate) => certificate,
            Self::Refused(code, _) => panic!("refused as {code}"),
        }
    }

    /// The code of the refusal.
    pub fn refused(&self) -> Code {
        match self {
            Self::Granted(_) => panic!("granted"),
            Self::Refused(code, _) => *code,
        }
    }
}

/// The settings of [`TestServer::start`].
#[derive(Default)]
pub struct Setup {
    /// The CA's policy.
    pub policy: Policy,
    /// The server's limits.
    pub limits: Limits,
    /// The observer of all frames.
    pub tap: Option<Arc<dyn Tap>>,
    /// The gate that every signature waits for.
    pub gate: Option<Gate>,
}

/// A server with its own port and ledger. It stops when this is dropped.
pub struct TestServer {
    /// The address of the server.
    pub address: SocketAddr,
    /// The anchor of the CA.
    pub anchor: Anchor,
    folder: Option<TempDir>,
    storage: Arc<dyn Storage>,
    stop: oneshot::Sender<()>,
    run: JoinHandle<Result<Summary, ServeError>>,
}

impl TestServer {
    /// Starts a server.
    pub async fn start(setup: Setup) -> Self {
        let Setup { policy, limits, tap, gate } = setup;
        let TestAuthority { folder, storage, authority } =
            TestAuthority::on_disk_with(policy, |signer| match gate {
                Some(gate) => Box::new(Gated { signer, gate }),
                None => signer,
            });
        let anchor = Anchor::from_key(Portable::new(), authority.issuer_id(), authority.public_key().clone());
        let options =
            ServerOptions { listen: ([127, 0, 0, 1], 0).into(), limits, tap, ..ServerOptions::default() };
        let server = Server::bind(authority, options).await.expect("a free port");
        let address = server.local_addr();
        let (stop, stopped) = oneshot::channel::<()>();
        let shutdown = async move {
            let _ = stopped.await;
        };
        Self { address, anchor, folder, storage, stop, run: tokio::spawn(server.run(shutdown)) }
    }

    /// The endpoint for clients of the lab, without tokens.
    pub fn endpoint(&self) -> CaEndpoint<'static> {
        CaEndpoint { address: self.address.to_string(), anchor: self.anchor.clone(), tokens: None }
    }

    /// Stops the server. The handle returns its result.
    pub fn stop(self) -> JoinHandle<Result<Summary, ServeError>> {
        let Self { folder, stop, run, .. } = self;
        let _ = stop.send(());
        // The folder must exist until the server has ended.
        tokio::spawn(async move {
            let ended = run.await.expect("no panic");
            drop(folder);
            ended
        })
    }

    /// Waits until the server ends by itself.
    ///
    /// # Errors
    /// The error of the server.
    pub async fn ended(self) -> Result<Summary, ServeError> {
        soon(self.run).await.expect("no panic")
    }

    /// A reader of the ledger.
    pub fn reader(&self) -> Box<dyn LedgerReader> {
        self.storage.reader().expect("the ledger opens")
    }

    /// Adds a token for `subject` that expires in `seconds`. A negative number gives an expired token.
    pub fn add_token(&self, text: &str, subject: &str, seconds: i64) {
        self.add_tokens([(text, id(subject).as_id())], seconds);
    }

    /// Adds many tokens as [`Self::add_token`] does.
    pub fn add_tokens<'t>(&self, tokens: impl IntoIterator<Item = (&'t str, Id<'t>)>, seconds: i64) {
        let mut book = self.storage.tokens().expect("the ledger opens");
        let now = now();
        let expires = UnixTime::new(now.get().saturating_add_signed(seconds)).expect("a time");
        for (text, subject) in tokens {
            book.add(TokenHash::of(text), subject, expires, None, now).expect("a new token");
        }
    }

    /// A new connection.
    pub async fn connect(&self) -> TcpStream {
        soon(TcpStream::connect(self.address)).await.expect("a connection")
    }

    /// Enrols on a new connection.
    pub async fn enrol(&self, subject: &str, key: &KeyPair, form: EnrolForm<'_>) -> Outcome {
        self.enrol_on(&mut self.connect().await, subject, key, form).await
    }

    /// Enrols on an open connection.
    pub async fn enrol_on(
        &self,
        stream: &mut TcpStream,
        subject: &str,
        key: &KeyPair,
        form: EnrolForm<'_>,
    ) -> Outcome {
        soon(enrol(stream, &self.anchor, subject, key, form)).await.expect("an answer")
    }
}

/// Enrols as an honest client does.
///
/// # Errors
/// A failed connection or an invalid answer.
pub async fn enrol(
    stream: &mut TcpStream,
    anchor: &Anchor,
    subject: &str,
    key: &KeyPair,
    form: EnrolForm<'_>,
) -> Result<Outcome, minipki_net::NetError> {
    // The client's clock is ahead, so that every new certificate is already valid.
    let now = now().checked_add_seconds(60).expect("a time");
    let enrolment = Enrolment { subject_id: id(subject), key, anchor, now: Now::Exact(now), form };
    let (outcome, body) = ask(stream, enrolment).await?;
    Ok(match outcome {
        EnrolOutcome::Issued(range) => Outcome::Granted(body[range].to_vec()),
        EnrolOutcome::OutOfTime { error, .. } => panic!("the clocks of one machine differ: {error}"),
        EnrolOutcome::Refused { code, .. } => Outcome::Refused(code, body),
    })
}

/// Makes any request as an honest client does. Returns its outcome and the body of the response.
///
/// # Errors
/// As [`enrol`].
pub async fn ask<R: CaRequest>(
    stream: &mut TcpStream,
    request: R,
) -> Result<(R::Outcome, Vec<u8>), minipki_net::NetError> {
    let (mut rx, mut tx) = ([0; FRAME], [0; FRAME]);
    let client = CaClient::new(request, &mut UnwrapErr(getrandom::SysRng));
    let mut link = Link::new(client, &mut rx, &mut tx);
    let (mut reader, mut writer) = stream.split();
    let want = drive(&mut link, &mut reader, &mut writer, None).await?;
    assert_eq!(want, Want::Deliver, "a request ends with an event");
    Ok((link.event().expect("an event"), link.body().to_vec()))
}

/// Sends a frame.
pub async fn send(stream: &mut TcpStream, body: &[u8]) {
    let header = u32::try_from(body.len()).expect("a short body").to_be_bytes();
    soon(stream.write_all(&[&header, body].concat())).await.expect("the server reads");
}

/// Receives a frame.
pub async fn receive(stream: &mut TcpStream) -> Vec<u8> {
    let len = soon(stream.read_u32()).await.expect("a frame");
    let mut body = vec![0; len as usize];
    soon(stream.read_exact(&mut body)).await.expect("a whole frame");
    body
}

/// Receives a refusal.
pub async fn refused(stream: &mut TcpStream) -> Code {
    let body = receive(stream).await;
    Refusal::decode(&body).expect("a refusal").code
}

/// Waits until the server closes the connection. Fails on further bytes and on a reset.
pub async fn closed(stream: &mut TcpStream) {
    let mut rest = Vec::new();
    soon(stream.read_to_end(&mut rest)).await.expect("no reset");
    assert_eq!(rest, b"", "the server sends nothing more");
}

/// A gate that stops each batch before its signature. The test opens it with the [`Key`].
pub struct Gate {
    arrived: tokio_mpsc::UnboundedSender<usize>,
    open: mpsc::Receiver<Action>,
}

/// The test's control of a [`Gate`].
pub struct Key {
    /// The sizes of the batches that have reached the gate.
    pub arrivals: tokio_mpsc::UnboundedReceiver<usize>,
    open: mpsc::Sender<Action>,
}

#[derive(Clone, Copy)]
enum Action {
    Sign,
    Fail,
    Panic,
}

impl Gate {
    /// A gate and its key.
    pub fn new() -> (Self, Key) {
        let (arrived, arrivals) = tokio_mpsc::unbounded_channel();
        let (key, open) = mpsc::channel();
        (Self { arrived, open }, Key { arrivals, open: key })
    }
}

impl Key {
    /// Waits for the next batch and returns its size.
    pub async fn arrival(&mut self) -> usize {
        soon(self.arrivals.recv()).await.expect("a signer")
    }

    /// Lets one batch be signed.
    pub fn open(&self) {
        self.send(Action::Sign);
    }

    /// Makes signing one batch fail.
    pub fn fail(&self) {
        self.send(Action::Fail);
    }

    /// Makes the signer panic.
    pub fn panic(&self) {
        self.send(Action::Panic);
    }

    fn send(&self, action: Action) {
        self.open.send(action).expect("a signer");
    }
}

struct Gated {
    signer: Box<dyn Signer>,
    gate: Gate,
}

impl Signer for Gated {
    fn public_key(&self) -> &rsa::PublicKey {
        self.signer.public_key()
    }

    fn sign_many(
        &mut self,
        algorithm: SignatureAlgorithm,
        messages: &[&[u8]],
    ) -> Result<Vec<Signature>, SignError> {
        let _ = self.gate.arrived.send(messages.len());
        match self.gate.open.recv() {
            Ok(Action::Sign) => self.signer.sign_many(algorithm, messages),
            Ok(Action::Panic) => panic!("the test wants a panic here"),
            Ok(Action::Fail) | Err(_) => Err(SignError::new("the test wants this to fail")),
        }
    }
}
