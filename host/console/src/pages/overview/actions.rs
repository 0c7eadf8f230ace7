//! The actions of the Overview: make or unlock the key, start and stop the server.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Extension, Form, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::post;
use minipki_core::cert::{Id, IdBuf};
use minipki_core::crypto::rsa::KeySize;
use serde::Deserialize;

use super::{PATH, show};
use crate::shell::Shared;
use crate::shell::audit::Actor;
use crate::shell::form::Mistake;
use crate::shell::refusal::{self, Refusal};
use crate::shell::session::Visitor;
use minipki_ca::{Enrolment, Policy};
use minipki_keys::SignerKind;
use minipki_ledger::Accept;
use minipki_passphrase::Passphrase;
use minipki_server::state::StateError;
use minipki_server::{CaOptions, Limits, ServeError, ServiceError};

pub(super) fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route("/authority/key", post(make_key))
        .route("/authority/unlock", post(unlock))
        .route("/authority/start", post(start))
        .route("/authority/stop", post(stop))
}

/// The input of the forms, and a mistake in it.
pub(super) struct Forms {
    pub(super) issuer_id: String,
    pub(super) bits: usize,
    pub(super) listen: String,
    pub(super) policy: String,
    pub(super) mistake: Option<Mistake>,
}

impl Forms {
    /// The input at first: the values of the last start, or the defaults.
    pub(super) fn new(shared: &Shared) -> Self {
        let (listen, enrolment) = match shared.last_start.get() {
            Some((listen, enrolment)) => (listen.to_string(), enrolment),
            None => ("127.0.0.1:9000".to_owned(), Enrolment::Proven),
        };
        Self {
            issuer_id: "minipki-ca".to_owned(),
            bits: 2048,
            listen,
            policy: POLICIES.iter().find(|row| row.1 == enrolment).map_or("", |row| row.0).to_owned(),
            mistake: None,
        }
    }

    /// The mistake in the field `name`.
    pub(super) fn mistake(&self, name: &str) -> Option<&str> {
        self.mistake.as_ref()?.at(name)
    }
}

/// The forms of enrolment: the value in the form, the value, and its label.
pub(super) const POLICIES: [(&str, Enrolment, &str); 3] = [
    ("proof", Enrolment::Proven, "With a proof of possession of the key. A name in use needs a token."),
    ("token", Enrolment::Token, "Only with a token."),
    ("open", Enrolment::Open, "Also by the classic form, which proves nothing."),
];

/// The sizes of a key: bits and label.
pub(super) const SIZES: [(usize, &str); 3] = [
    (2048, "2048 bits: the usual size, and the fastest"),
    (3072, "3072 bits"),
    (4096, "4096 bits: takes some seconds to generate, and signs slowly"),
];

/// The page with a mistake in a form, and the input.
async fn mistaken(shared: &Shared, visitor: &Visitor, forms: Forms) -> Result<Response, Refusal> {
    let page = show(shared, visitor, forms).await?;
    Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response())
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct NewKey {
    issuer_id: String,
    bits: usize,
}

async fn make_key(
    State(shared): State<Arc<Shared>>,
    Extension(actor): Extension<Actor>,
    Extension(visitor): Extension<Visitor>,
    Form(form): Form<NewKey>,
) -> Result<Response, Refusal> {
    const ACTION: &str = "generate the CA key";
    let wrong = |mistake: Mistake| Forms {
        issuer_id: form.issuer_id.clone(),
        bits: form.bits,
        mistake: Some(mistake),
        ..Forms::new(&shared)
    };
    let issuer_id = match Id::new(form.issuer_id.trim()).map(IdBuf::from) {
        Ok(issuer_id) => issuer_id,
        Err(error) => {
            let forms = wrong(Mistake::new("issuer_id", error.to_string()));
            return mistaken(&shared, &visitor, forms).await;
        }
    };
    let size = match form.bits {
        2048 => KeySize::Bits2048,
        3072 => KeySize::Bits3072,
        4096 => KeySize::Bits4096,
        _ => {
            let forms = wrong(Mistake::new("bits", "Choose 2048, 3072 or 4096 bits."));
            return mistaken(&shared, &visitor, forms).await;
        }
    };
    let details = format!("{issuer_id}, RSA-{}", size.bits());
    let by = actor.clone();
    let ended = move |made: Result<(), &StateError>| match made {
        Ok(()) => by.done(ACTION, details),
        Err(error) => by.failed(ACTION, error),
    };
    shared.service.make_key(issuer_id, size, ended).map_err(|error| denied(&actor, ACTION, error))?;
    Ok(Redirect::to(PATH).into_response())
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Unlock {
    passphrase: String,
}

async fn unlock(
    State(shared): State<Arc<Shared>>,
    Extension(actor): Extension<Actor>,
    Extension(visitor): Extension<Visitor>,
    Form(form): Form<Unlock>,
) -> Result<Response, Refusal> {
    const ACTION: &str = "unlock the CA key";
    let wrong = |mistake| Forms { mistake: Some(mistake), ..Forms::new(&shared) };
    let passphrase = match Passphrase::new(form.passphrase.into_bytes()) {
        Ok(passphrase) => passphrase,
        Err(error) => {
            actor.failed(ACTION, &error);
            return mistaken(&shared, &visitor, wrong(Mistake::of("passphrase", &error))).await;
        }
    };
    match shared.service.unlock(passphrase).await {
        Ok(()) => {}
        Err(error @ (ServiceError::TooSoon(_) | ServiceError::Folder(_))) => {
            actor.failed(ACTION, &error);
            let page = show(&shared, &visitor, wrong(Mistake::of("passphrase", &error))).await?;
            let status = match error {
                ServiceError::Folder(_) => StatusCode::UNPROCESSABLE_ENTITY,
                _ => refusal::status(&error),
            };
            return Ok((status, page).into_response());
        }
        Err(error) => return Err(denied(&actor, ACTION, error)),
    }
    actor.done(ACTION, "");
    visitor.memory.say("The CA key is unlocked.");
    Ok(Redirect::to(PATH).into_response())
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Start {
    listen: String,
    policy: String,
}

async fn start(
    State(shared): State<Arc<Shared>>,
    Extension(actor): Extension<Actor>,
    Extension(visitor): Extension<Visitor>,
    Form(form): Form<Start>,
) -> Result<Response, Refusal> {
    const ACTION: &str = "start the CA server";
    let wrong = |mistake| Forms {
        listen: form.listen.clone(),
        policy: form.policy.clone(),
        mistake: Some(mistake),
        ..Forms::new(&shared)
    };
    let Ok(listen) = form.listen.trim().parse::<SocketAddr>() else {
        let text = "This is not an address. Give an IP address and a port, for example 127.0.0.1:9000.";
        return mistaken(&shared, &visitor, wrong(Mistake::new("listen", text))).await;
    };
    let Some(enrolment) = POLICIES.iter().find(|row| row.0 == form.policy).map(|row| row.1) else {
        return mistaken(&shared, &visitor, wrong(Mistake::new("policy", "Choose one of the three."))).await;
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
    let address = match shared.service.start(options).await {
        Ok(address) => address,
        Err(error @ ServiceError::Serve(ServeError::Listen { .. })) => {
            actor.failed(ACTION, &error);
            return mistaken(&shared, &visitor, wrong(Mistake::of("listen", &error))).await;
        }
        Err(error) => return Err(denied(&actor, ACTION, error)),
    };
    shared.last_start.set(listen, enrolment);
    actor.done(ACTION, format_args!("{address}, {}", form.policy));
    visitor.memory.say(format!("The CA server listens on {address}."));
    Ok(Redirect::to(PATH).into_response())
}

async fn stop(
    State(shared): State<Arc<Shared>>,
    Extension(actor): Extension<Actor>,
    Extension(visitor): Extension<Visitor>,
) -> Result<Redirect, Refusal> {
    shared.service.stop().await.map_err(|error| denied(&actor, "stop the CA server", error))?;
    actor.done("stop the CA server", "");
    visitor.memory.say("The CA server has stopped.");
    Ok(Redirect::to(PATH))
}

fn denied(actor: &Actor, action: &str, error: ServiceError) -> Refusal {
    actor.failed(action, &error);
    error.into()
}
