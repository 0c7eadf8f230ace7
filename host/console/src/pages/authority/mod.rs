//! The Authority page: the CA's keys, its trust anchor, its server, and the numbers of its certificates.

mod keys;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use askama::Template;
use axum::Router;
use axum::extract::{Extension, Form, State};
use axum::http::StatusCode;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use miette::Diagnostic;
use minipki_core::cert::{Id, IdBuf};
use minipki_core::crypto::rsa::KeySize;
use minipki_core::limits::{ANCHOR, SPKI_PEM};
use serde::Deserialize;

use self::keys::KeysCard;
use crate::shell::Shared;
use crate::shell::audit::Actor;
use crate::shell::page::{Frame, Refusal, render};
use crate::shell::session::Visitor;
use minipki_ca::ports::LedgerCounts;
use minipki_ca::{Enrolment, Policy, pgp_words};
use minipki_keys::{CaFolder, SignerKind};
use minipki_ledger::Accept;
use minipki_os::{Failure, clock};
use minipki_passphrase::Passphrase;
use minipki_server::state::StateError;
use minipki_server::{CaKey, CaOptions, Limits, Running, Serving};

const PATH: &str = "/";

pub(crate) fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route(PATH, get(page))
        .route("/authority/status", get(status))
        .route("/authority/key", post(make_key))
        .route("/authority/unlock", post(unlock))
        .route("/authority/start", post(start))
        .route("/authority/stop", post(stop))
        .route("/authority/anchor.pem", get(anchor_pem))
        .route("/authority/anchor.json", get(anchor_json))
        .route("/authority/console-root.pem", get(console_root))
        .merge(keys::routes())
}

#[derive(Template)]
#[template(path = "authority.html")]
struct AuthorityPage {
    frame: Frame,
    dir: String,
    status: Status,
    identity: Option<Identity>,
    /// The numbers of certificates; `None` without a key.
    counts: Option<Result<Counts, Failure>>,
    /// The part about the keys; `None` without a key.
    keys: Option<KeysCard>,
    root: bool,
}

/// The numbers of certificates, and the revocation number.
struct Counts {
    ledger: LedgerCounts,
    revocation_number: u64,
}

impl Counts {
    async fn read(shared: &Shared) -> Result<Self, Failure> {
        let now = clock::now().map_err(|error| Failure::from(&error))?;
        let read = shared.service.clone().read(move |reader| {
            Ok(Self { ledger: reader.counts(now)?, revocation_number: reader.revocation_number()? })
        });
        read.await.map_err(|error| Failure::from(&error))
    }
}

/// The part of the page that changes. It is also served alone, so that the script can replace it.
#[derive(Template)]
#[template(path = "authority_status.html")]
struct Status {
    key: CaKey,
    /// Whether the key is encrypted and its passphrase is not known.
    locked: bool,
    serving: Serving,
}

/// The CA's trust anchor, as the page shows it.
struct Identity {
    issuer_id: String,
    bits: usize,
    fingerprint: String,
    words: Vec<&'static str>,
    address: String,
}

impl Identity {
    fn of(folder: &CaFolder, serving: &Serving) -> Self {
        let address = match serving {
            Serving::Running(running) => running.address.to_string(),
            _ => "127.0.0.1:9000".to_owned(),
        };
        Self {
            issuer_id: folder.issuer_id().to_string(),
            bits: folder.anchor().key().map_or(0, |key| key.size().bits()),
            fingerprint: folder.fingerprint().to_string(),
            words: pgp_words::words(&folder.fingerprint().0),
            address,
        }
    }

    /// The fingerprint in groups of four digits.
    fn groups(&self) -> Vec<&str> {
        (0..self.fingerprint.len()).step_by(4).filter_map(|at| self.fingerprint.get(at..at + 4)).collect()
    }
}

impl Status {
    fn of(shared: &Shared) -> Self {
        Self {
            key: shared.service.key(),
            locked: shared.service.is_locked(),
            serving: shared.service.serving(),
        }
    }

    /// The name of the state. When it changes, the script reloads the page.
    fn word(&self) -> &'static str {
        match (&self.key, &self.serving) {
            (CaKey::None, _) => "no-key",
            (CaKey::Making { .. }, _) => "making",
            (CaKey::Failed(_), _) => "key-failed",
            (CaKey::Ready(_), Serving::Stopped(_) | Serving::Failed(_)) if self.locked => "locked",
            (CaKey::Ready(_), Serving::Stopped(_)) => "stopped",
            (CaKey::Ready(_), Serving::ChangingKey(_)) => "changing-key",
            (CaKey::Ready(_), Serving::Starting) => "starting",
            (CaKey::Ready(_), Serving::Running(_)) => "running",
            (CaKey::Ready(_), Serving::Stopping) => "stopping",
            (CaKey::Ready(_), Serving::Failed(_)) => "failed",
        }
    }

    /// The time since `since`: `4 min 05 s`.
    fn age(&self, since: &Instant) -> String {
        let seconds = since.elapsed().as_secs();
        match (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60, seconds % 60) {
            (0, 0, 0, s) => format!("{s} s"),
            (0, 0, m, s) => format!("{m} min {s:02} s"),
            (0, h, m, _) => format!("{h} h {m:02} min"),
            (d, h, ..) => format!("{d} d {h} h"),
        }
    }

    /// The policy of the server, as a sentence.
    fn enrolment(&self, running: &Running) -> &'static str {
        match running.policy.enrolment {
            Enrolment::Token => "Each enrolment needs a token.",
            Enrolment::Open => "The classic form, which proves nothing, is allowed.",
            Enrolment::Proven => "Each client must prove that it holds its key. A name in use needs a token.",
        }
    }

    /// Whether the state changes by itself.
    fn is_changing(&self) -> bool {
        matches!(self.word(), "making" | "changing-key" | "starting" | "running" | "stopping")
    }
}

async fn page(
    State(shared): State<Arc<Shared>>,
    Extension(visitor): Extension<Visitor>,
) -> Result<Response, Refusal> {
    let status = Status::of(&shared);
    let identity = match &status.key {
        CaKey::Ready(folder) => Some(Identity::of(folder, &status.serving)),
        _ => None,
    };
    let (counts, keys) = match &identity {
        Some(_) => {
            let idle = matches!(status.word(), "stopped" | "failed");
            let keys = KeysCard::read(&shared, visitor.csrf(), idle).await;
            (Some(Counts::read(&shared).await), Some(keys))
        }
        None => (None, None),
    };
    render(&AuthorityPage {
        frame: Frame::new("Authority", PATH, &visitor),
        dir: shared.service.dir().display().to_string(),
        status,
        identity,
        counts,
        keys,
        root: shared.root_pem.is_some(),
    })
}

async fn status(State(shared): State<Arc<Shared>>) -> Result<Response, Refusal> {
    render(&Status::of(&shared))
}

#[derive(Deserialize)]
struct NewKey {
    issuer_id: String,
    bits: usize,
}

async fn make_key(
    State(shared): State<Arc<Shared>>,
    Extension(actor): Extension<Actor>,
    Form(form): Form<NewKey>,
) -> Result<Redirect, Refusal> {
    let wrong = |seen: String| Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, seen, "Go back and change it.");
    let issuer_id = Id::new(&form.issuer_id).map(IdBuf::from).map_err(|error| wrong(error.to_string()))?;
    let size = match form.bits {
        2048 => KeySize::Bits2048,
        3072 => KeySize::Bits3072,
        4096 => KeySize::Bits4096,
        other => return Err(wrong(format!("A key cannot have {other} bits: 2048, 3072 or 4096."))),
    };
    let details = format!("{issuer_id}, RSA-{}", size.bits());
    const ACTION: &str = "generate the CA key";
    let by = actor.clone();
    let ended = move |made: Result<(), &StateError>| match made {
        Ok(()) => by.done(ACTION, details),
        Err(error) => by.failed(ACTION, error),
    };
    shared.service.make_key(issuer_id, size, ended).map_err(|error| denied(&actor, ACTION, error))?;
    Ok(Redirect::to(PATH))
}

#[derive(Deserialize)]
struct Unlock {
    passphrase: String,
}

async fn unlock(
    State(shared): State<Arc<Shared>>,
    Extension(actor): Extension<Actor>,
    Form(form): Form<Unlock>,
) -> Result<Redirect, Refusal> {
    const ACTION: &str = "unlock the CA key";
    let passphrase = Passphrase::new(form.passphrase.into_bytes());
    let passphrase = passphrase.map_err(|error| denied(&actor, ACTION, error))?;
    shared.service.unlock(passphrase).await.map_err(|error| denied(&actor, ACTION, error))?;
    actor.done(ACTION, "");
    Ok(Redirect::to(PATH))
}

#[derive(Deserialize)]
struct Start {
    listen: String,
    policy: String,
}

async fn start(
    State(shared): State<Arc<Shared>>,
    Extension(actor): Extension<Actor>,
    Form(form): Form<Start>,
) -> Result<Redirect, Refusal> {
    let wrong = |seen: &str, next: &str| Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, seen, next);
    let listen: SocketAddr = form.listen.trim().parse().map_err(|_| {
        wrong("This is not an address.", "Give an IP address and a port, for example 127.0.0.1:9000.")
    })?;
    let enrolment = match form.policy.as_str() {
        "proof" => Enrolment::Proven,
        "token" => Enrolment::Token,
        "open" => Enrolment::Open,
        _ => return Err(wrong("There is no such form of enrolment.", "Choose one of the three.")),
    };
    let policy = Policy { enrolment, ..Policy::default() };
    let options = CaOptions {
        listen,
        policy,
        signer: SignerKind::default(),
        limits: Limits::default(),
        accept: Accept::default(),
        tap: None,
    };
    let address =
        shared.service.start(options).await.map_err(|error| denied(&actor, "start the CA server", error))?;
    actor.done("start the CA server", format_args!("{address}, {}", form.policy));
    Ok(Redirect::to(PATH))
}

async fn stop(
    State(shared): State<Arc<Shared>>,
    Extension(actor): Extension<Actor>,
) -> Result<Redirect, Refusal> {
    shared.service.stop().await.map_err(|error| denied(&actor, "stop the CA server", error))?;
    actor.done("stop the CA server", "");
    Ok(Redirect::to(PATH))
}

fn denied(actor: &Actor, action: &str, error: impl Diagnostic) -> Refusal {
    actor.failed(action, &error);
    Refusal::from_diagnostic(error)
}

async fn anchor_pem(State(shared): State<Arc<Shared>>) -> Result<Response, Refusal> {
    let folder = shared.service.folder().map_err(Refusal::from_diagnostic)?;
    let mut room = [0; SPKI_PEM];
    let text = folder.anchor().key().and_then(|key| key.write_spki_pem(&mut room).ok()).unwrap_or_default();
    Ok(download("application/x-pem-file", "anchor.pem", text.to_owned()))
}

async fn anchor_json(State(shared): State<Arc<Shared>>) -> Result<Response, Refusal> {
    let folder = shared.service.folder().map_err(Refusal::from_diagnostic)?;
    let mut room = [0; ANCHOR];
    let encoded = folder.anchor().encode(&mut room);
    let text = encoded.map_err(|error| Refusal::new(StatusCode::CONFLICT, error.to_string(), ""))?;
    Ok(download("application/json", "anchor.json", String::from_utf8_lossy(text).into_owned()))
}

async fn console_root(State(shared): State<Arc<Shared>>) -> Result<Response, Refusal> {
    let root = shared.root_pem.clone().ok_or_else(|| {
        Refusal::new(
            StatusCode::NOT_FOUND,
            "The CA has not issued the certificate of this console.",
            "Get the root certificate from its issuer.",
        )
    })?;
    Ok(download("application/x-pem-file", "console-root.pem", root))
}

fn download(kind: &'static str, name: &str, text: String) -> Response {
    let disposition = format!("attachment; filename=\"{name}\"");
    ([(CONTENT_TYPE, kind.to_owned()), (CONTENT_DISPOSITION, disposition)], text).into_response()
}
