//! The Walk-through page: a scenario of two clients at a CA of its own, step by step. The user can flip a byte in each
//! step.

use std::num::NonZeroU8;
use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::extract::{Extension, Form, Query, State};
use axum::http::StatusCode;
use axum::response::{Redirect, Response};
use axum::routing::{get, post};
use serde::Deserialize;

use crate::pages::message::{Decoded, refusal_code};
use crate::shell::Shared;
use crate::shell::audit::Actor;
use crate::shell::memory::Flipped;
use crate::shell::page::{Frame, render};
use crate::shell::refusal::Refusal;
use crate::shell::session::Visitor;
use minipki_lab::{Flip, MessageKind, Note, Participant, Sandbox, Scenario, ScenarioError};
use minipki_os::Failure;

const PATH: &str = "/walk";

pub(crate) fn routes() -> Router<Arc<Shared>> {
    Router::new().route(PATH, get(page)).route("/walk/run", post(run)).route("/walk/flip", post(flip))
}

#[derive(Template)]
#[template(path = "walk.html")]
struct WalkPage {
    frame: Frame,
    view: Option<View>,
}

/// A scenario that is shown at a step.
struct View {
    /// The names of alice and bob at the CA. The first one identifies the scenario.
    names: [String; 2],
    arrows: Vec<Arrow>,
    number: usize,
    before: Vec<Note>,
    after: Vec<Note>,
    message: Decoded,
    /// The length of the frame in bytes.
    bytes: usize,
    verdict: Option<Verdict>,
}

/// A message in the sequence diagram.
struct Arrow {
    from: Participant,
    to: Participant,
    kind: MessageKind,
    /// The code of a refusal.
    code: Option<String>,
}

impl Arrow {
    fn new(step: &minipki_lab::Step) -> Self {
        Self { from: step.from, to: step.to, kind: step.kind, code: refusal_code(step.body()) }
    }

    /// The CSS classes for its two lifelines and its direction.
    const fn classes(&self) -> &'static str {
        match (self.from, self.to) {
            (Participant::Alice, Participant::Ca) => "alice-ca forth",
            (Participant::Ca, Participant::Alice) => "alice-ca back",
            (Participant::Ca, Participant::Bob) => "ca-bob forth",
            (Participant::Bob, Participant::Ca) => "ca-bob back",
            (Participant::Alice, _) => "alice-bob forth",
            _ => "alice-bob back",
        }
    }
}

/// The outcome of a changed byte.
struct Verdict {
    refusal: minipki_lab::Refusal,
    /// The changed byte, for the user.
    sent: String,
    arrived: String,
    travelled: Vec<Arrow>,
}

impl Verdict {
    fn new(refusal: minipki_lab::Refusal) -> Self {
        let (sent, arrived) = (shown(refusal.sent), shown(refusal.arrived));
        Self { travelled: refusal.travelled.iter().map(Arrow::new).collect(), refusal, sent, arrived }
    }
}

impl Verdict {
    /// The reason for the refusal: what was computed over the changed byte, and what the receiver computes.
    fn why(&self) -> String {
        let kind = self.travelled.first().map_or(MessageKind::Unknown, |arrow| arrow.kind);
        let (by, check, field) = (self.refusal.by.name(), &self.refusal.check, &self.refusal.field);
        if field == "length prefix" {
            return format!(
                "The first four bytes of a frame are its length. With another length, {by} looks for the end of the \
                 message in the wrong place."
            );
        }
        match kind {
            MessageKind::Record(_) | MessageKind::Close(_) => format!(
                "The sender computed the tag over the ciphertext, with the key and the number of the message. {by} \
                 computes it over what arrived, gets another tag, and decrypts nothing."
            ),
            MessageKind::Handshake1 | MessageKind::Handshake2 | MessageKind::Handshake3 => format!(
                "Both sides hash all messages of the handshake, and each tag is computed over this hash. {by} has \
                 hashed what arrived, and the other side what it sent. A message that is not well formed ends the \
                 handshake before this."
            ),
            _ if check.contains("sign") => format!(
                "The CA has signed the SHA-256 of the text that it sent. {by} computes the SHA-256 of the text that \
                 arrived, and the signature does not fit to it."
            ),
            _ if check.contains("proof") => format!(
                "The proof is a tag over the challenge and the request, with a key that only the client and the CA \
                 can compute. {by} computes the tag over what arrived, and gets another one."
            ),
            _ => format!(
                "The message is canonical JSON with known fields: each value has one encoding. {by} compares what \
                 arrived with this form, and with the messages before it. The change breaks one of them."
            ),
        }
    }
}

/// A byte as a character and in hexadecimal: `'a' (61)`.
fn shown(byte: u8) -> String {
    match byte {
        b' '..=b'~' => format!("'{}' ({byte:02x})", char::from(byte)),
        _ => format!("{byte:02x}"),
    }
}

impl View {
    fn new(scenario: &Scenario, number: usize, verdict: Option<Verdict>) -> Option<Self> {
        let step = scenario.steps().get(number)?;
        let mut message = Decoded::new(step.body(), step.kind.record(), step.plaintext.as_deref());
        message.flips = true;
        Some(Self {
            names: scenario.names().map(|name| name.to_string()),
            arrows: scenario.steps().iter().map(Arrow::new).collect(),
            number,
            before: step.before.clone(),
            after: step.after.clone(),
            message,
            bytes: step.frame.len(),
            verdict,
        })
    }

    /// The arrow of the current step.
    fn arrow(&self) -> &Arrow {
        // `new` has checked `number`.
        &self.arrows[self.number]
    }
}

#[derive(Deserialize)]
struct StepQuery {
    /// The number of the step, from 1.
    #[serde(default = "first")]
    step: usize,
}

const fn first() -> usize {
    1
}

async fn page(
    State(shared): State<Arc<Shared>>,
    Extension(visitor): Extension<Visitor>,
    Query(StepQuery { step }): Query<StepQuery>,
) -> Result<Response, Refusal> {
    let view = match shared.scenario.lock().await.clone() {
        Some(scenario) => {
            let number = step.wrapping_sub(1);
            let verdict = visitor.memory.flip(scenario.names()[0].as_str(), number).map(Verdict::new);
            Some(View::new(&scenario, number, verdict).ok_or_else(no_step)?)
        }
        None => None,
    };
    render(&WalkPage { frame: Frame::new("Walk-through", PATH, &visitor), view })
}

async fn run(
    State(shared): State<Arc<Shared>>,
    Extension(actor): Extension<Actor>,
) -> Result<Redirect, Refusal> {
    let mut last = shared.scenario.try_lock().map_err(|_| busy())?;
    let provider = shared.service.provider();
    let sandbox = shared.sandbox.get_or_try_init(|| Sandbox::start(provider)).await.map_err(|error| {
        actor.failed("walk-through", &error);
        let Failure { seen, next } = Failure::from(&error);
        Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, seen, next.unwrap_or_default())
    })?;
    let run = Scenario::run(&sandbox.endpoint(), provider).await;
    let scenario = run.map_err(|error| failed(&actor, &error))?;
    let [alice, bob] = scenario.names();
    actor.done("run the walk-through", format_args!("{alice} and {bob} enrolled at its own CA"));
    *last = Some(Arc::new(scenario));
    Ok(Redirect::to(PATH))
}

#[derive(Deserialize)]
struct Change {
    /// The name of alice in the scenario that the page showed.
    run: String,
    /// The number of the step, from 1.
    step: usize,
    offset: usize,
    /// The bits to change. With 0 the lab chooses them.
    #[serde(default)]
    mask: u8,
}

async fn flip(
    State(shared): State<Arc<Shared>>,
    Extension(actor): Extension<Actor>,
    Extension(visitor): Extension<Visitor>,
    Form(change): Form<Change>,
) -> Result<Redirect, Refusal> {
    let Change { run, step, offset, mask } = change;
    let last = shared.scenario.try_lock().map_err(|_| busy())?;
    let same = |scenario: &Arc<Scenario>| scenario.names()[0].to_string() == run;
    let (Some(scenario), Some(sandbox)) = (last.clone().filter(same), shared.sandbox.get()) else {
        return Err(Refusal::new(
            StatusCode::CONFLICT,
            "The walk-through was run again after this page was loaded.",
            "Open the Walk-through again, and flip the byte there.",
        ));
    };
    let flip = Flip { step: step.wrapping_sub(1), offset, mask: NonZeroU8::new(mask) };
    let refusal = scenario.flip(&sandbox.endpoint(), flip).await.map_err(|error| failed(&actor, &error))?;
    actor.done("flip a byte", format_args!("byte {offset} of message {step}: {}", refusal.check));
    visitor.memory.keep_flip(Flipped { run, refusal });
    Ok(Redirect::to(&format!("{PATH}?step={step}#verdict")))
}

fn failed(actor: &Actor, error: &ScenarioError) -> Refusal {
    actor.failed("walk-through", error);
    let status = match error {
        ScenarioError::NoSuchByte { .. } | ScenarioError::NotNeeded { .. } => {
            StatusCode::UNPROCESSABLE_ENTITY
        }
        ScenarioError::Client { .. } | ScenarioError::Token(_) => StatusCode::CONFLICT,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    };
    let Failure { seen, next } = Failure::from(error);
    let next = next.unwrap_or_else(|| "Go back, and run the walk-through again.".to_owned());
    Refusal::new(status, seen, next)
}

fn busy() -> Refusal {
    Refusal::new(
        StatusCode::TOO_MANY_REQUESTS,
        "Another run of the walk-through has not ended.",
        "Go back, and try again in some seconds.",
    )
}

fn no_step() -> Refusal {
    Refusal::new(StatusCode::NOT_FOUND, "There is no such step.", "Open the Walk-through at its start.")
}
