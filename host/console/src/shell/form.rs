//! A mistake in a form. The page shows it beside its field, and keeps the input.

use miette::Diagnostic;
use minipki_os::Failure;

/// A mistake in the field `field`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mistake {
    field: &'static str,
    text: String,
}

impl Mistake {
    pub(crate) fn new(field: &'static str, text: impl Into<String>) -> Self {
        Self { field, text: text.into() }
    }

    /// The text of `error` and its advice, for the field that has caused it.
    pub(crate) fn of(field: &'static str, error: &impl Diagnostic) -> Self {
        let Failure { seen, next } = Failure::from(error);
        Self { field, text: next.map_or(seen.clone(), |next| format!("{seen}. Next: {next}")) }
    }

    /// The text, if the mistake is in the field `name`.
    pub(crate) fn at(&self, name: &str) -> Option<&str> {
        (self.field == name).then_some(self.text.as_str())
    }
}
