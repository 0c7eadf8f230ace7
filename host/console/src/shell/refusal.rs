//! The page for a refused request. In a session it has the frame of every page.

use askama::Template;
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use miette::Diagnostic;

use super::assets;
use super::page::Frame;
use super::session::Visitor;
use minipki_ca::ports::LedgerError;
use minipki_os::Failure;
use minipki_os::clock::ClockError;
use minipki_server::ServiceError;

/// A refused request: the reason, and the advice. The guard writes its page.
#[derive(Clone, Debug)]
pub(crate) struct Refusal {
    pub(crate) status: StatusCode,
    title: &'static str,
    pub(crate) seen: String,
    pub(crate) next: String,
}

/// The page in a session.
#[derive(Template)]
#[template(path = "refused.html")]
struct Framed<'r> {
    frame: Frame,
    refusal: &'r Refusal,
}

/// The page without a session.
#[derive(Template)]
#[template(path = "refusal.html")]
struct Bare<'r> {
    refusal: &'r Refusal,
    style: String,
}

impl Refusal {
    pub(crate) fn new(status: StatusCode, seen: impl Into<String>, next: impl Into<String>) -> Self {
        let title = if status == StatusCode::NOT_FOUND { "Not found" } else { "Not done" };
        Self { status, title, seen: seen.into(), next: next.into() }
    }

    /// The text of `error` and its advice.
    fn because(status: StatusCode, error: &impl Diagnostic) -> Self {
        let Failure { seen, next } = Failure::from(error);
        Self::new(status, seen, next.unwrap_or_default())
    }

    pub(crate) fn no_session() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "There is no session, or it has ended.",
            "Open the link that the console printed. The command `minipki console link` prints a new one.",
        )
    }

    pub(crate) fn signed_out() -> Self {
        Self {
            title: "Signed out",
            ..Self::new(
                StatusCode::OK,
                "The session is over.",
                "To start a new one, run `minipki console link --dir DIR` with the folder of the CA, and open the link.",
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

    /// The refusal of a request that the router, or the reader of a form, has refused with this status.
    pub(crate) fn of_status(status: StatusCode) -> Self {
        let (seen, next) = match status {
            StatusCode::METHOD_NOT_ALLOWED => {
                ("This address is for a form, and shows no page.", "Choose a page from the navigation.")
            }
            StatusCode::NOT_FOUND => ("There is no such page.", "Choose a page from the navigation."),
            _ => (
                "The address or the form has a value that the console cannot read.",
                "Go back and correct it, or choose a page from the navigation.",
            ),
        };
        Self::new(status, seen, next)
    }

    /// Whether this is good news, like a sign-out.
    fn is_good(&self) -> bool {
        self.status.is_success()
    }

    /// The page, with the frame of `visitor`.
    pub(crate) fn page(&self, visitor: Option<&Visitor>) -> Response {
        let page = match visitor.filter(|_| !self.is_good()) {
            Some(visitor) => Framed { frame: Frame::new(self.title, "", visitor), refusal: self }.render(),
            None => Bare { refusal: self, style: assets::style() }.render(),
        };
        let page = page.unwrap_or_else(|_| format!("{} {}", self.seen, self.next));
        (self.status, Html(page)).into_response()
    }
}

/// A wrong clock is an internal error (500).
impl From<ClockError> for Refusal {
    fn from(error: ClockError) -> Self {
        Self::because(StatusCode::INTERNAL_SERVER_ERROR, &error)
    }
}

/// 409 if the state of the CA does not allow the request, 429 if it came too early, 503 if a later try can succeed, 500
/// if the ledger or the program has failed.
impl From<ServiceError> for Refusal {
    fn from(error: ServiceError) -> Self {
        Self::because(status(&error), &error)
    }
}

/// The status code for an error of the CA.
pub(crate) fn status(error: &ServiceError) -> StatusCode {
    match error {
        ServiceError::TooSoon(_) | ServiceError::Unlocking => StatusCode::TOO_MANY_REQUESTS,
        ServiceError::Panicked | ServiceError::Clock(_) | ServiceError::Issue(_) => {
            StatusCode::INTERNAL_SERVER_ERROR
        }
        ServiceError::Ledger(error) => match error {
            LedgerError::Unavailable(_) | LedgerError::TooSlow => StatusCode::SERVICE_UNAVAILABLE,
            LedgerError::Damaged(_) | LedgerError::Failed(_) | LedgerError::Clock(_) => {
                StatusCode::INTERNAL_SERVER_ERROR
            }
            _ => StatusCode::CONFLICT,
        },
        _ => StatusCode::CONFLICT,
    }
}

/// The guard replaces this answer by [`Refusal::page`].
impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        response.extensions_mut().insert(self);
        response
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

    #[test]
    fn the_status_code_tells_what_may_be_tried_again() {
        for (error, wanted) in [
            (ServiceError::NoKey, StatusCode::CONFLICT),
            (ServiceError::Runs, StatusCode::CONFLICT),
            (ServiceError::Unlocking, StatusCode::TOO_MANY_REQUESTS),
            (ServiceError::Panicked, StatusCode::INTERNAL_SERVER_ERROR),
            (ServiceError::Ledger(LedgerError::TooSlow), StatusCode::SERVICE_UNAVAILABLE),
            (ServiceError::Ledger(LedgerError::TokenNotLive), StatusCode::CONFLICT),
        ] {
            assert_eq!(status(&error), wanted, "{error}");
        }
    }
}
