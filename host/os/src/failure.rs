//! The text and the advice of an error, for places that cannot keep the error itself.

use miette::Diagnostic;

/// The text and the advice of an error.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Diagnostic)]
#[error("{seen}")]
pub struct Failure {
    /// The text of the error.
    pub seen: String,
    /// The advice, if there is any.
    #[help]
    pub next: Option<String>,
}

impl<E: Diagnostic + ?Sized> From<&E> for Failure {
    fn from(error: &E) -> Self {
        Self { seen: error.to_string(), next: error.help().map(|next| next.to_string()) }
    }
}
