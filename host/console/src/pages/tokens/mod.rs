//! The Tokens page: makes, lists and revokes tokens. A new token is shown once.

use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::extract::{Extension, Form, Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use getrandom::SysRng;
use minipki_core::cert::{Id, IdBuf};
use minipki_core::time::UnixTime;
use serde::Deserialize;

use crate::shell::Shared;
use crate::shell::audit::Actor;
use crate::shell::form::Mistake;
use crate::shell::memory::FreshToken;
use crate::shell::page::{Frame, render};
use crate::shell::refusal::Refusal;
use crate::shell::relative_time::RelativeTime;
use crate::shell::session::Visitor;
use minipki_ca::Token;
use minipki_ca::ports::{TokenRecord, TokenState};
use minipki_os::clock;
use minipki_server::ServiceError;

const PATH: &str = "/tokens";

/// The number of rows of a page.
const ROWS: usize = 50;

/// The lifetimes of a token: seconds and label.
const LIFETIMES: [(u64, &str); 5] = [
    (3600, "1 hour"),
    (12 * 3600, "12 hours"),
    (86_400, "1 day"),
    (7 * 86_400, "7 days"),
    (30 * 86_400, "30 days"),
];

pub(crate) fn routes() -> Router<Arc<Shared>> {
    Router::new().route(PATH, get(page).post(make)).route("/tokens/{id}/revoke", post(revoke))
}

#[derive(Template)]
#[template(path = "tokens.html")]
struct TokensPage {
    frame: Frame,
    /// Whether the CA has a key. Without a key there are no tokens.
    ready: bool,
    /// The new token, which is shown once.
    fresh: Option<Fresh>,
    form: TokenForm,
    mistake: Option<Mistake>,
    rows: Vec<TokenRow>,
    /// The links to the pages before and after this one.
    before: Option<String>,
    after: Option<String>,
}

struct Fresh {
    token: FreshToken,
    expires: RelativeTime,
}

struct TokenRow {
    id: u64,
    subject: String,
    expires: RelativeTime,
    state: TokenState,
    expired: bool,
}

impl TokenRow {
    fn new(record: TokenRecord, now: UnixTime) -> Self {
        Self {
            id: record.id,
            subject: record.subject_id.to_string(),
            expires: RelativeTime::new(record.expires, now),
            state: record.state,
            expired: record.expires < now,
        }
    }
}

impl TokensPage {
    const fn lifetimes(&self) -> &'static [(u64, &'static str)] {
        &LIFETIMES
    }

    /// The mistake in the field `name`.
    fn mistake(&self, name: &str) -> Option<&str> {
        self.mistake.as_ref()?.at(name)
    }
}

#[derive(Deserialize)]
struct Position {
    after: Option<String>,
    before: Option<String>,
}

/// A row of the table: its expiry and its number.
type RowPlace = (UnixTime, u64);

/// The place of a page in the table.
#[derive(Clone, Copy)]
enum PagePlace {
    First,
    After(RowPlace),
    Before(RowPlace),
}

impl Position {
    fn place(&self) -> PagePlace {
        match (row_place(self.after.as_deref()), row_place(self.before.as_deref())) {
            (Some(row), _) => PagePlace::After(row),
            (None, Some(row)) => PagePlace::Before(row),
            (None, None) => PagePlace::First,
        }
    }
}

/// The row in the text `expiry~number`.
fn row_place(text: Option<&str>) -> Option<RowPlace> {
    let (end, id) = text?.split_once('~')?;
    Some((UnixTime::new(end.parse().ok()?).ok()?, id.parse().ok()?))
}

async fn page(
    State(shared): State<Arc<Shared>>,
    Extension(visitor): Extension<Visitor>,
    Query(position): Query<Position>,
) -> Result<Response, Refusal> {
    list(&shared, &visitor, position.place(), TokenForm::default(), None).await
}

async fn list(
    shared: &Shared,
    visitor: &Visitor,
    place: PagePlace,
    form: TokenForm,
    mistake: Option<Mistake>,
) -> Result<Response, Refusal> {
    let now = clock::now()?;
    let read = shared.service.clone().read(move |reader| match place {
        PagePlace::First => reader.list_tokens(None, ROWS + 1),
        PagePlace::After(row) => reader.list_tokens(Some(row), ROWS + 1),
        PagePlace::Before(row) => reader.list_tokens_before(row, ROWS + 1),
    });
    let (ready, mut tokens) = match read.await {
        Ok(tokens) => (true, tokens),
        Err(ServiceError::NoKey) => (false, Vec::new()),
        Err(error) => return Err(error.into()),
    };
    let more = tokens.len() > ROWS;
    let (earlier, later) = match place {
        PagePlace::First => (false, more),
        PagePlace::After(_) => (true, more),
        PagePlace::Before(_) => (more, true),
    };
    // The row above the limit belongs to the page beyond this one.
    match place {
        PagePlace::Before(_) if more => drop(tokens.remove(0)),
        _ => tokens.truncate(ROWS),
    }
    let rows: Vec<_> = tokens.into_iter().map(|record| TokenRow::new(record, now)).collect();
    let link = |name: &str, row: &TokenRow| format!("{PATH}?{name}={}~{}", row.expires.unix(), row.id);
    let before = rows.first().filter(|_| earlier).map(|row| link("before", row));
    let after = rows.last().filter(|_| later).map(|row| link("after", row));
    let fresh = visitor.memory.take_token();
    render(&TokensPage {
        frame: Frame::new("Tokens", PATH, visitor),
        ready,
        fresh: fresh.map(|token| Fresh { expires: RelativeTime::new(token.expires, now), token }),
        form,
        mistake,
        rows,
        before,
        after,
    })
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct TokenForm {
    subject: String,
    expires_in: u64,
}

impl TokenForm {
    /// The subject of the token, and the end of its validity.
    ///
    /// # Errors
    /// The mistake in the form.
    fn read(&self, now: UnixTime) -> Result<(IdBuf, UnixTime), Mistake> {
        let subject = Id::new(self.subject.trim()).map(IdBuf::from);
        let subject = subject.map_err(|error| Mistake::new("subject", error.to_string()))?;
        let expires = LIFETIMES
            .iter()
            .find(|(lifetime, _)| *lifetime == self.expires_in)
            .and_then(|(lifetime, _)| now.checked_add_seconds(*lifetime))
            .ok_or_else(|| {
                Mistake::new("expires_in", "A token cannot have this lifetime. Choose another.")
            })?;
        Ok((subject, expires))
    }
}

async fn make(
    State(shared): State<Arc<Shared>>,
    Extension(actor): Extension<Actor>,
    Extension(visitor): Extension<Visitor>,
    Form(form): Form<TokenForm>,
) -> Result<Response, Refusal> {
    let now = clock::now()?;
    let (subject, expires) = match form.read(now) {
        Ok(wanted) => wanted,
        Err(mistake) => {
            let page = list(&shared, &visitor, PagePlace::First, form, Some(mistake)).await?;
            return Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response());
        }
    };
    let token = Token::generate(&mut SysRng).map_err(|_| Refusal::no_entropy())?;
    let (hash, holder) = (token.hash(), subject.clone());
    shared
        .service
        .clone()
        .write(move |tokens| tokens.add(hash, holder.as_id(), expires, None, now))
        .await
        .map_err(|error| {
            actor.failed("make a token", &error);
            Refusal::from(error)
        })?;
    actor.done("make a token", format_args!("for {subject} until {expires}"));
    visitor.memory.keep_token(FreshToken { subject, token, expires });
    Ok(Redirect::to(PATH).into_response())
}

async fn revoke(
    State(shared): State<Arc<Shared>>,
    Extension(actor): Extension<Actor>,
    Extension(visitor): Extension<Visitor>,
    Path(id): Path<u64>,
) -> Result<Redirect, Refusal> {
    let now = clock::now()?;
    shared.service.clone().write(move |tokens| tokens.revoke(id, now)).await.map_err(|error| {
        actor.failed("revoke a token", &error);
        Refusal::from(error)
    })?;
    actor.done("revoke a token", format_args!("number {id:x}"));
    visitor.memory.say("The token is revoked. Nobody can use it.");
    Ok(Redirect::to(PATH))
}
