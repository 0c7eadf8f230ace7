//! The scenes of the Walk-through: mallory attacks alice and bob, and a check stops the attack.

use std::sync::Arc;

use axum::extract::{Extension, Form, State};
use axum::http::StatusCode;
use axum::response::Redirect;
use serde::Deserialize;
use tokio::runtime::Handle;
use tokio::task::spawn_blocking;

use super::arrow::Arrow;
use super::{PATH, busy, current, failed};
use crate::shell::Shared;
use crate::shell::audit::Actor;
use crate::shell::memory::AttackRun;
use crate::shell::refusal::Refusal;
use crate::shell::session::Visitor;
use minipki_lab::{Attacked, Scene};

/// A scene that was run, with its messages.
pub(super) struct SceneView {
    pub(super) attacked: Attacked,
    pub(super) arrows: Vec<Arrow>,
}

impl SceneView {
    pub(super) fn new(attacked: Attacked) -> Self {
        Self { arrows: attacked.steps.iter().map(Arrow::new).collect(), attacked }
    }
}

#[derive(Deserialize)]
pub(super) struct Choice {
    /// The name of alice in the scenario that the page showed.
    run: String,
    /// The number of the shown step, from 1.
    step: usize,
    /// The name of the scene.
    scene: String,
}

/// Runs a scene with the clients of the scenario, and keeps its outcome for the page.
pub(super) async fn attack(
    State(shared): State<Arc<Shared>>,
    Extension(actor): Extension<Actor>,
    Extension(visitor): Extension<Visitor>,
    Form(choice): Form<Choice>,
) -> Result<Redirect, Refusal> {
    let Choice { run, step, scene } = choice;
    let scene = Scene::from_name(&scene).ok_or_else(|| {
        Refusal::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "There is no such attack.",
            "Open the Walk-through, and choose an attack there.",
        )
    })?;
    let last = shared.scenario.try_lock().map_err(|_| busy())?;
    let (scenario, sandbox) = current(&last, &shared, &run)?;
    let (ended, runtime) = (sandbox.ended().to_vec(), Handle::current());
    // mallory may make an RSA key, which takes a thread for some time.
    let attacked = spawn_blocking(move || runtime.block_on(scenario.attack(scene, &ended))).await;
    let attacked = attacked.map_err(|_| {
        Refusal::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "The attack ended in a panic.",
            "This is a bug in minipki; please report it with the log.",
        )
    })?;
    let attacked = attacked.map_err(|error| failed(&actor, &error))?;
    actor.done("run an attack in the walk-through", format_args!("{}: {}", scene.name(), attacked.check));
    visitor.memory.keep_attack(AttackRun { run, attacked });
    Ok(Redirect::to(&format!("{PATH}?step={step}#attack")))
}
