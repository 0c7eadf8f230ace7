//! The Walk-through page: a scenario of two clients at a CA of its own, step by step. The user can flip a byte in each
//! step, and let mallory attack the clients.

mod arrow;
mod hex;
mod scene;
mod verdict;

use std::num::NonZeroU8;
use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::extract::{Extension, Form, Query, State};
use axum::http::StatusCode;
use axum::response::{Redirect, Response};
use axum::routing::{get, post};
use serde::Deserialize;

use self::arrow::Arrow;
use self::hex::HexView;
use self::scene::SceneView;
use self::verdict::Verdict;
use crate::pages::message::Decoded;
use crate::shell::Shared;
use crate::shell::audit::Actor;
use crate::shell::memory::Flipped;
use crate::shell::page::{Frame, render};
use crate::shell::refusal::Refusal;
use crate::shell::session::Visitor;
use minipki_lab::{Flip, Note, Sandbox, Scenario, ScenarioError, Scene};
use minipki_os::Failure;

const PATH: &str = "/walk";

pub(crate) fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route(PATH, get(page))
        .route("/walk/run", post(run))
        .route("/walk/flip", post(flip))
        .route("/walk/attack", post(scene::attack))
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
    hex: HexView,
    /// The length of the frame in bytes.
    bytes: usize,
    verdict: Option<Verdict>,
    /// The scene that was run last.
    scene: Option<SceneView>,
}

impl View {
    fn new(
        scenario: &Scenario,
        number: usize,
        verdict: Option<Verdict>,
        scene: Option<SceneView>,
    ) -> Option<Self> {
        let step = scenario.steps().get(number)?;
        let mut message = Decoded::new(step.body(), step.kind.record(), step.plaintext.as_deref());
        message.flips = true;
        let flipped = verdict.as_ref().map(|verdict| verdict.refusal.flip.offset);
        Some(Self {
            names: scenario.names().map(|name| name.to_string()),
            arrows: scenario.steps().iter().map(Arrow::new).collect(),
            number,
            before: step.before.clone(),
            after: step.after.clone(),
            hex: HexView::new(&step.frame, &message, flipped),
            message,
            bytes: step.frame.len(),
            verdict,
            scene,
        })
    }

    /// The arrow of the current step.
    fn arrow(&self) -> &Arrow {
        // `new` has checked `number`.
        &self.arrows[self.number]
    }

    const fn scenes(&self) -> &'static [Scene] {
        &Scene::ALL
    }

    /// Whether `scene` is chosen: the one that was run last, or the first one.
    fn chosen(&self, scene: &Scene) -> bool {
        self.scene.as_ref().map_or(Scene::ALL[0], |view| view.attacked.scene) == *scene
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
            let run = scenario.names()[0];
            let verdict = visitor.memory.flip(run.as_str(), number).map(Verdict::new);
            let scene = visitor.memory.attack(run.as_str()).map(SceneView::new);
            Some(View::new(&scenario, number, verdict, scene).ok_or_else(no_step)?)
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
    let (scenario, sandbox) = current(&last, &shared, &run)?;
    let flip = Flip { step: step.wrapping_sub(1), offset, mask: NonZeroU8::new(mask) };
    let refusal = scenario.flip(&sandbox.endpoint(), flip).await.map_err(|error| failed(&actor, &error))?;
    actor.done("flip a byte", format_args!("byte {offset} of message {step}: {}", refusal.check));
    visitor.memory.keep_flip(Flipped { run, refusal });
    Ok(Redirect::to(&format!("{PATH}?step={step}#verdict")))
}

/// The scenario and its CA, if `last` is the scenario `run` that the page showed.
fn current<'s>(
    last: &Option<Arc<Scenario>>,
    shared: &'s Shared,
    run: &str,
) -> Result<(Arc<Scenario>, &'s Sandbox), Refusal> {
    let same = |scenario: &&Arc<Scenario>| scenario.names()[0].as_str() == run;
    let scenario = last.as_ref().filter(same).cloned();
    scenario.zip(shared.sandbox.get()).ok_or_else(|| {
        Refusal::new(
            StatusCode::CONFLICT,
            "The walk-through was run again after this page was loaded.",
            "Open the Walk-through again, and try it there.",
        )
    })
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
