//! The frame around every page.

use askama::Template;
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};

use super::assets;
use super::refusal::Refusal;
use super::session::Visitor;

/// A page of the navigation.
pub(crate) struct Tab {
    pub(crate) path: &'static str,
    pub(crate) name: &'static str,
    /// The icon: a path of SVG in a square of 16.
    pub(crate) icon: &'static str,
}

/// The pages of the navigation.
pub(crate) const TABS: [Tab; 6] = [
    Tab {
        path: "/",
        name: "Overview",
        icon: "M2.5 9h4.5V2.5H2.5zM9 6h4.5V2.5H9zM9 13.5h4.5V8H9zM2.5 13.5H7V11H2.5z",
    },
    Tab {
        path: "/certificates",
        name: "Certificates",
        icon: "M4 1.5h5.5L13 5v9.5H4zM9.5 1.5V5H13M6 8h4M6 11h4",
    },
    Tab {
        path: "/tokens",
        name: "Tokens",
        icon: "M2 4.5h12v2.2a1.5 1.5 0 0 0 0 2.6v2.2H2V9.3a1.5 1.5 0 0 0 0-2.6zM9.5 5v1M9.5 7.5v1M9.5 10v1",
    },
    Tab { path: "/live", name: "Live", icon: "M1.5 8h3l2-5.5 3 11 2-5.5h3" },
    Tab {
        path: "/walk",
        name: "Walk-through",
        icon: "M2.5 5h9M9 2.5 11.5 5 9 7.5M13.5 11h-9M7 8.5 4.5 11 7 13.5",
    },
    Tab {
        path: "/authority",
        name: "Authority",
        icon: "M8 1.5 13.5 4v4c0 3-2.2 5.2-5.5 6.5C4.7 13.2 2.5 11 2.5 8V4zM6 8l1.5 1.5L10.5 6.5",
    },
];

/// The data of `base.html`.
pub(crate) struct Frame {
    pub(crate) title: &'static str,
    /// The path of the current tab; empty for none.
    pub(crate) tab: &'static str,
    pub(crate) csrf: String,
    pub(crate) minutes_left: u64,
    /// The result of the last action.
    pub(crate) message: Option<String>,
}

impl Frame {
    /// The frame of the page `title`, under `tab`, for `visitor`.
    pub(crate) fn new(title: &'static str, tab: &'static str, visitor: &Visitor) -> Self {
        Self {
            title,
            tab,
            csrf: visitor.csrf().to_owned(),
            minutes_left: visitor.minutes_left(),
            message: visitor.memory.take_message(),
        }
    }

    pub(crate) const fn tabs(&self) -> &'static [Tab] {
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
