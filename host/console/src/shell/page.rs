//! The frame around every page, and the page for a refused request.

use askama::Template;
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use miette::Diagnostic;

use super::assets;
use super::session::Visitor;
use minipki_os::Failure;
use minipki_os::clock::ClockError;

/// The pages of the navigation: path and name.
pub(crate) const TABS: [(&str, &str); 5] = [
    ("/", "Authority"),
    ("/certificates", "Certificates"),
    ("/live", "Live"),
    ("/walk", "Walk-through"),
    ("/tokens", "Tokens"),
];

/// The data of `base.html`.
pub(crate) struct Frame {
    pub(crate) title: &'static str,
    /// The path of the current tab; empty for none.
    pub(crate) tab: &'static str,
    pub(crate) csrf: String,
    pub(crate) minutes_left: u64,
}

impl Frame {
    /// The frame of the page `title`, under `tab`, for `visitor`.
    pub(crate) fn new(title: &'static str, tab: &'static str, visitor: &Visitor) -> Self {
        Self { title, tab, csrf: visitor.csrf().to_owned(), minutes_left: visitor.minutes_left() }
    }

    pub(crate) const fn tabs(&self) -> &'static [(&'static str, &'static str)] {
        &TABS
    }

    pub(crate) fn style(&self) -> String {
        assets::style()
    }

    pub(crate) fn script(&self) -> String {
        assets::script()
    }
}

/// Writes a page.
///
/// # Errors
/// [`Refusal`] if the template fails, which is a bug.
pub(crate) fn render(page: &impl Template) -> Result<Response, Refusal> {
    match page.render() {
        Ok(text) => Ok(Html(text).into_response()),
        Err(error) => {
            tracing::error!(%error, "a page could not be written; this is a bug in minipki");
            Err(Refusal::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                "The page could not be written.",
                "This is a bug in minipki; please report it with the log.",
            ))
        }
    }
}

/// The page for a refused request: the reason, and the advice.
#[derive(Debug, Template)]
#[template(path = "refusal.html")]
pub(crate) struct Refusal {
    #[allow(dead_code, reason = "the template does not show it")]
    status: StatusCode,
    title: &'static str,
    pub(crate) seen: String,
    next: String,
}

impl Refusal {
    pub(crate) fn new(status: StatusCode, seen: impl Into<String>, next: impl Into<String>) -> Self {
        Self { status, title: "Not done", seen: seen.into(), next: next.into() }
    }

    /// The text of `error` and its advice.
    pub(crate) fn from_diagnostic(error: impl Diagnostic) -> Self {
        let Failure { seen, next } = Failure::from(&error);
        Self::new(StatusCode::CONFLICT, seen, next.unwrap_or_default())
    }

    pub(crate) fn no_session() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "There is no session, or it has ended.",
            "Open the link that the console printed. The console prints a new link when its process gets SIGUSR1.",
        )
    }

    pub(crate) fn signed_out() -> Self {
        Self {
            title: "Signed out",
            ..Self::new(
                StatusCode::OK,
                "The session is over.",
                "To start a new one, open a new link. The console prints one when its process gets SIGUSR1.",
            )
        }
    }

    pub(crate) fn no_entropy() -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "The operating system gave no random numbers.",
            "Try again.",
        )
    }

    fn style(&self) -> String {
        assets::style()
    }
}

/// A wrong clock is an internal error (500).
impl From<ClockError> for Refusal {
    fn from(error: ClockError) -> Self {
        Self { status: StatusCode::INTERNAL_SERVER_ERROR, ..Self::from_diagnostic(error) }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let page = self.render().unwrap_or_else(|_| format!("{} {}", self.seen, self.next));
        (self.status, Html(page)).into_response()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_clock_is_an_internal_error_with_its_words() {
        let refusal = Refusal::from(ClockError);
        assert_eq!(refusal.status, StatusCode::INTERNAL_SERVER_ERROR);
        assert_eq!(refusal.seen, "the machine's clock is before 1970 or after 9999");
        assert_eq!(refusal.next, "set it, then try again");
    }
}
