//! The filter chips of the Certificates page: links that add, change or remove one filter of the search.

use super::PATH;
use super::search::SearchForm;

/// A group of chips, of which one is current.
pub(super) struct ChipGroup {
    pub(super) name: &'static str,
    pub(super) chips: Vec<Chip>,
}

/// A link to the same search with another filter.
pub(super) struct Chip {
    pub(super) label: &'static str,
    pub(super) url: String,
    pub(super) current: bool,
}

/// The labels and values of the groups.
const STATES: [(&str, &str); 6] = [
    ("All", ""),
    ("Valid", "valid"),
    ("Expired", "expired"),
    ("On hold", "held"),
    ("Revoked", "revoked"),
    ("Not yet valid", "not-yet-valid"),
];
const EXPIRING: [(&str, &str); 3] = [("7 days", "7"), ("30 days", "30"), ("90 days", "90")];
const ISSUED: [(&str, &str); 4] = [("Any time", ""), ("Today", "today"), ("7 days", "7"), ("30 days", "30")];

/// The chips for the search in `form`. `days` are the days before its end in which a certificate is expiring.
pub(super) fn groups(form: &SearchForm, days: u64) -> [ChipGroup; 3] {
    let chip = |label, changed: SearchForm, current| Chip {
        label,
        url: format!("{PATH}?{}", changed.query()),
        current,
    };
    let state = |(label, value): (&'static str, &str)| {
        let changed = SearchForm { state: value.to_owned(), days: String::new(), ..form.clone() };
        chip(label, changed, form.state == value)
    };
    let expiring = |(label, value): (&'static str, &str)| {
        let changed = SearchForm { state: "expiring".to_owned(), days: value.to_owned(), ..form.clone() };
        chip(label, changed, form.state == "expiring" && days.to_string() == value)
    };
    let issued = |(label, value): (&'static str, &str)| {
        chip(label, SearchForm { issued: value.to_owned(), ..form.clone() }, form.issued == value)
    };
    [
        ChipGroup { name: "State", chips: STATES.map(state).into() },
        ChipGroup { name: "Expires in", chips: EXPIRING.map(expiring).into() },
        ChipGroup { name: "Issued", chips: ISSUED.map(issued).into() },
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use minipki_ca::ports::CertificateState;

    #[test]
    fn a_chip_changes_one_filter_and_keeps_the_others() {
        let form = SearchForm {
            subject: "pump".to_owned(),
            state: "expiring".to_owned(),
            days: "30".to_owned(),
            ..SearchForm::default()
        };
        let groups = groups(&form, 30);
        let urls = |group: usize| groups[group].chips.iter().map(|chip| &chip.url[..]).collect::<Vec<_>>();
        assert_eq!(urls(0)[..2], ["/certificates?subject=pump&", "/certificates?subject=pump&state=valid&"]);
        assert_eq!(urls(1)[0], "/certificates?subject=pump&state=expiring&days=7&");
        assert_eq!(urls(2)[1], "/certificates?subject=pump&state=expiring&days=30&issued=today&");
        let current: Vec<_> = groups
            .iter()
            .flat_map(|group| &group.chips)
            .filter(|chip| chip.current)
            .map(|chip| chip.label)
            .collect();
        assert_eq!(current, ["30 days", "Any time"]);
    }

    #[test]
    fn each_chip_of_a_state_names_a_state() {
        for (label, value) in &STATES[1..] {
            assert!(value.parse::<CertificateState>().is_ok(), "{label}");
        }
    }
}
