//! The Walk-through page: a scenario of two clients, step by step. The user can flip a byte in each step.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::num::NonZeroU8;
use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::extract::{Extension, Form, Query, State};
use axum::http::StatusCode;
use axum::response::{Redirect, Response};
use axum::routing::{get, post};
use getrandom::SysRng;
use miette::Diagnostic;
use minipki_core::cert::IdBuf;
use serde::Deserialize;

use crate::pages::message::{Decoded, refusal_code};
use crate::shell::Shared;
use crate::shell::audit::Actor;
use crate::shell::page::{Frame, Refusal, render};
use crate::shell::session::Visitor;
use minipki_ca::{Enrolment, Token};
use minipki_lab::{CaEndpoint, Flip, MakeToken, MessageKind, Note, Participant, Scenario, ScenarioError};
use minipki_os::{Failure, clock};
use minipki_server::CaService;

const PATH: &str = "/walk";

/// The lifetime of a token for the scenario, in seconds. The token is used at once.
const TOKEN_SECONDS: u64 = 60;

pub(crate) fn routes() -> Router<Arc<Shared>> {
    Router::new().route(PATH, get(page)).route("/walk/run", post(run)).route("/walk/flip", post(flip))
}

#[derive(Template)]
#[template(path = "walk.html")]
struct WalkPage {
    frame: Frame,
    /// Whether the CA server runs. A scenario needs it.
    running: bool,
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
        Some(scenario) => Some(View::new(&scenario, step.wrapping_sub(1), None).ok_or_else(no_step)?),
        None => None,
    };
    show(&shared, &visitor, view)
}

fn show(shared: &Shared, visitor: &Visitor, view: Option<View>) -> Result<Response, Refusal> {
    let running = shared.service.running().is_ok();
    render(&WalkPage { frame: Frame::new("Walk-through", PATH, visitor), running, view })
}

async fn run(
    State(shared): State<Arc<Shared>>,
    Extension(actor): Extension<Actor>,
) -> Result<Redirect, Refusal> {
    let mut last = shared.scenario.try_lock().map_err(|_| busy())?;
    let tokens = tokens(&shared.service);
    let run = Scenario::run(&endpoint(&shared, &tokens)?, shared.service.provider()).await;
    let scenario = run.map_err(|error| failed(&actor, &error))?;
    let [alice, bob] = scenario.names();
    actor.done("run the walk-through", format_args!("{alice} and {bob} enrolled"));
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
) -> Result<Response, Refusal> {
    let Change { run, step, offset, mask } = change;
    let last = shared.scenario.try_lock().map_err(|_| busy())?;
    let same = |scenario: &Arc<Scenario>| scenario.names()[0].to_string() == run;
    let scenario = last.clone().filter(same).ok_or_else(|| {
        Refusal::new(
            StatusCode::CONFLICT,
            "The walk-through was run again after this page was loaded.",
            "Open the Walk-through again, and flip the byte there.",
        )
    })?;
    let number = step.wrapping_sub(1);
    let flip = Flip { step: number, offset, mask: NonZeroU8::new(mask) };
    let tokens = tokens(&shared.service);
    let refusal =
        scenario.flip(&endpoint(&shared, &tokens)?, flip).await.map_err(|error| failed(&actor, &error))?;
    actor.done("flip a byte", format_args!("byte {offset} of message {step}: {}", refusal.check));
    let view = View::new(&scenario, number, Some(Verdict::new(refusal))).ok_or_else(no_step)?;
    show(&shared, &visitor, Some(view))
}

/// Makes tokens like those of the Tokens page, for a CA that requires a token.
fn tokens(
    service: &CaService,
) -> impl Fn(&IdBuf) -> Result<Token, Box<dyn Diagnostic + Send + Sync>> + Send + Sync {
    |subject| {
        let token = Token::generate(&mut SysRng).map_err(|error| error.to_string())?;
        let now = clock::now()?;
        let expires = now.checked_add_seconds(TOKEN_SECONDS).ok_or("the clock is at its end")?;
        service.tokens()?.add(token.hash(), subject.as_id(), expires, None, now)?;
        Ok(token)
    }
}

fn endpoint<'t>(shared: &Shared, tokens: &'t MakeToken<'t>) -> Result<CaEndpoint<'t>, Refusal> {
    let running = shared.service.running().map_err(Refusal::from_diagnostic)?;
    let folder = shared.service.folder().map_err(Refusal::from_diagnostic)?;
    Ok(CaEndpoint {
        address: reachable(running.address).to_string(),
        anchor: folder.anchor().clone(),
        tokens: (running.policy.enrolment == Enrolment::Token).then_some(tokens),
    })
}

/// The address to connect to, for a server that listens on `address`, which may be unspecified.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
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
    let next = next.unwrap_or_else(|| "Go back. The Authority page shows the state of the CA.".to_owned());
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
