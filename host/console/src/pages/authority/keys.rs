//! The part of the Authority page about the CA's keys, and the change of the key.

use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::extract::{Extension, Form, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::post;
use minipki_core::time::UnixTime;
use serde::Deserialize;

use super::show;
use crate::shell::Shared;
use crate::shell::audit::Actor;
use crate::shell::form::Mistake;
use crate::shell::refusal::Refusal;
use crate::shell::relative_time::RelativeTime;
use crate::shell::session::Visitor;
use minipki_ca::ports::IssuerKeyUse;
use minipki_os::{Failure, clock};
use minipki_server::state::{RolledOver, StateError};

pub(super) fn routes() -> Router<Arc<Shared>> {
    Router::new().route("/authority/change-key", post(change))
}

/// The CA's keys, and the form to change the key.
#[derive(Template)]
#[template(path = "keys.html")]
pub(super) struct KeysCard {
    csrf: String,
    /// The keys, the present one first.
    keys: Result<Vec<Key>, Failure>,
    /// Whether the key can be changed now.
    idle: bool,
    mistake: Option<Mistake>,
}

/// A key of the CA.
struct Key {
    fingerprint: String,
    /// The time of the change to it; `None` for the first key.
    since: Option<RelativeTime>,
    certificates: u64,
    last_end: Option<RelativeTime>,
}

impl Key {
    fn new(used: &IssuerKeyUse, now: UnixTime) -> Self {
        Self {
            fingerprint: used.key.fingerprint.to_string(),
            since: used.key.update.as_ref().map(|_| RelativeTime::new(used.key.not_before, now)),
            certificates: used.certificates,
            last_end: used.last_end.map(|end| RelativeTime::new(end, now)),
        }
    }
}

impl KeysCard {
    /// The part for a CA with a key. `idle`: the server does not run, and the key is not locked.
    pub(super) async fn read(shared: &Shared, csrf: &str, idle: bool, mistake: Option<Mistake>) -> Self {
        let keys = async {
            let now = clock::now().map_err(|error| Failure::from(&error))?;
            let read = shared.service.clone().read(|reader| reader.issuer_keys());
            let uses = read.await.map_err(|error| Failure::from(&error))?;
            Ok(uses.iter().rev().map(|used| Key::new(used, now)).collect())
        };
        Self { csrf: csrf.to_owned(), keys: keys.await, idle, mistake }
    }

    /// The mistake in the confirmation.
    fn mistake(&self) -> Option<&str> {
        self.mistake.as_ref()?.at("confirm")
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ChangeForm {
    confirm: String,
}

async fn change(
    State(shared): State<Arc<Shared>>,
    Extension(actor): Extension<Actor>,
    Extension(visitor): Extension<Visitor>,
    Form(form): Form<ChangeForm>,
) -> Result<Response, Refusal> {
    const ACTION: &str = "change the CA key";
    if form.confirm.is_empty() {
        let text = "The key was not changed: the box was not ticked. Tick it if the key shall be changed.";
        let page = show(&shared, &visitor, Some(Mistake::new("confirm", text))).await?;
        return Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response());
    }
    let by = actor.clone();
    let memory = visitor.memory.clone();
    let ended = move |changed: Result<&RolledOver, &StateError>| match changed {
        Ok(RolledOver { folder, former, .. }) => {
            memory.say("The CA has a new key. Make a backup, and give new clients the new anchor.json.");
            by.done(ACTION, format_args!("from {former} to {}", folder.fingerprint()));
        }
        Err(error) => by.failed(ACTION, error),
    };
    shared.service.change_key(ended).map_err(|error| {
        actor.failed(ACTION, &error);
        Refusal::from(error)
    })?;
    // The Overview shows the progress.
    Ok(Redirect::to("/").into_response())
}
