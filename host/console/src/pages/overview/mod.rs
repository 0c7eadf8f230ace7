//! The Overview, the first page: the state of the CA and of its server, its certificates, what was issued and refused, and
//! the state of its disk and its backup.

mod actions;
mod chart;
mod status;

use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::extract::{Extension, State};
use axum::response::Response;
use axum::routing::get;
use minipki_core::time::UnixTime;

use self::actions::{Forms, POLICIES, SIZES};
use self::chart::Chart;
use self::status::Status;
use crate::pages::identity::Identity;
use crate::shell::Shared;
use crate::shell::page::{Frame, render};
use crate::shell::refusal::Refusal;
use crate::shell::relative_time::RelativeTime;
use crate::shell::session::Visitor;
use minipki_ca::Enrolment;
use minipki_ca::ports::{LedgerCounts, LedgerReader};
use minipki_os::{Failure, clock, files};
use minipki_server::{CaKey, RefusedRequest, Span};

const PATH: &str = "/";

/// The number of refusals on the page.
const REFUSALS: usize = 6;

/// The age of a backup, in seconds, after which the page warns: 7 days.
const OLD_BACKUP: u64 = 7 * 86_400;

/// The free space, in bytes, below which the page warns: 1 GiB.
const LITTLE_SPACE: u64 = 1 << 30;

pub(crate) fn routes() -> Router<Arc<Shared>> {
    Router::new().route(PATH, get(page)).route("/authority/status", get(status)).merge(actions::routes())
}

#[derive(Template)]
#[template(path = "overview.html")]
struct OverviewPage {
    frame: Frame,
    dir: String,
    status: Status,
    forms: Forms,
    identity: Option<Identity>,
    /// The facts from the ledger; `None` without a key.
    facts: Option<Result<Facts, Failure>>,
    refusals: Vec<Refused>,
    /// The free bytes on the disk, if they are known.
    free: Option<u64>,
}

/// The facts from the ledger.
struct Facts {
    counts: LedgerCounts,
    revocation_number: u64,
    charts: Vec<Chart>,
    backed_up: Option<RelativeTime>,
    /// Whether the backup is too old, or missing although there are certificates.
    backup_due: bool,
}

/// A refusal in the list.
struct Refused {
    at: RelativeTime,
    request: RefusedRequest,
}

impl Facts {
    async fn read(shared: &Shared) -> Result<Self, Failure> {
        let now = clock::now().map_err(|error| Failure::from(&error))?;
        let bounds = Span::ALL.map(|span| span.bounds(now));
        let read = shared.service.clone().read(move |reader: &mut dyn LedgerReader| {
            let issued = reader.issued_before(&bounds.concat())?;
            Ok((reader.counts(now)?, reader.revocation_number()?, reader.backed_up()?, bounds, issued))
        });
        let (counts, revocation_number, backed_up, bounds, issued) =
            read.await.map_err(|error| Failure::from(&error))?;
        let age = backed_up.map(|then: UnixTime| now.get().saturating_sub(then.get()));
        let mut before = &issued[..];
        let charts = Span::ALL.into_iter().zip(&bounds).map(|(span, bounds)| {
            let (own, rest) = before.split_at(bounds.len().min(before.len()));
            before = rest;
            let issued: Vec<u64> = own.windows(2).map(|pair| pair[1].saturating_sub(pair[0])).collect();
            Chart::new(span, bounds, &issued, &shared.service.history().refused(span, now))
        });
        Ok(Self {
            charts: charts.collect(),
            revocation_number,
            backed_up: backed_up.map(|then| RelativeTime::new(then, now)),
            backup_due: age.map_or(counts.certificates > 0, |age| age > OLD_BACKUP),
            counts,
        })
    }

    /// The certificates that have ended, with neither a revocation nor a hold.
    const fn expired(&self) -> u64 {
        let LedgerCounts { certificates, live_certificates, revoked, held, .. } = self.counts;
        certificates.saturating_sub(live_certificates + revoked + held)
    }
}

impl OverviewPage {
    const fn sizes(&self) -> &'static [(usize, &'static str)] {
        &SIZES
    }

    const fn policies(&self) -> &'static [(&'static str, Enrolment, &'static str)] {
        &POLICIES
    }

    /// The free space in words.
    fn space(&self) -> Option<(String, bool)> {
        let free = self.free?;
        let words = match free {
            _ if free >= 1 << 30 => format!("{:.1} GiB", free as f64 / f64::from(1 << 30)),
            _ => format!("{} MiB", free >> 20),
        };
        Some((words, free < LITTLE_SPACE))
    }
}

async fn page(
    State(shared): State<Arc<Shared>>,
    Extension(visitor): Extension<Visitor>,
) -> Result<Response, Refusal> {
    show(&shared, &visitor, Forms::new(&shared)).await
}

/// Writes the page with this input in its forms.
async fn show(shared: &Shared, visitor: &Visitor, forms: Forms) -> Result<Response, Refusal> {
    let status = Status::of(shared);
    let (identity, facts) = match &status.key {
        CaKey::Ready(folder) => {
            (Some(Identity::of(folder, &status.serving)), Some(Facts::read(shared).await))
        }
        _ => (None, None),
    };
    let now = clock::now()?;
    let newest = shared.service.history().newest().into_iter().take(REFUSALS);
    render(&OverviewPage {
        frame: Frame::new("Overview", PATH, visitor),
        dir: shared.service.dir().display().to_string(),
        forms,
        identity,
        facts,
        refusals: newest.map(|request| Refused { at: RelativeTime::new(request.at, now), request }).collect(),
        free: files::free_space(shared.service.dir()).ok(),
        status,
    })
}

async fn status(State(shared): State<Arc<Shared>>) -> Result<Response, Refusal> {
    render(&Status::of(&shared))
}
