//! Name constraints ([RFC 5280 §4.2.1.10](https://www.rfc-editor.org/rfc/rfc5280#section-4.2.1.10)).
//!
//! The state of RFC 5280 §6.1.3 (b) and (c), which is an intersection and a union of subtrees, is not kept. A name is
//! compared with the constraints of all issuers above it instead, which has the same result.

use super::extension::{GeneralSubtree, NameConstraints, SubjectAltName};
use super::identity::{
    is_dns_name, is_host, is_same_email, is_within_domain, split_email, split_once, uri_host,
};
use super::{Budget, Certificate, Check, Comparison, GeneralName, PathError, Place, oid};
use crate::encoding::der::SequenceOf;

type Subtrees<'a> = Option<SequenceOf<'a, GeneralSubtree<'a>>>;

/// Checks the form of the constraints of a CA: this program can apply each of them.
pub(super) fn check_form(constraints: &NameConstraints<'_>) -> Result<(), Check> {
    let subtrees = [constraints.permitted, constraints.excluded];
    if subtrees.into_iter().flatten().flatten().all(|subtree| subtree.whole && is_base(&subtree.base)) {
        Ok(())
    } else {
        Err(Check::NameConstraintForm)
    }
}

/// Returns whether `base` has the form of a constraint. A form that this program does not know is good until a name of
/// that form occurs.
fn is_base(base: &GeneralName<'_>) -> bool {
    let is_domain = |text: &str| is_host(text.strip_prefix('.').unwrap_or(text));
    match base {
        GeneralName::Dns(text) => text.is_empty() || is_host(text),
        GeneralName::Email(text) => is_domain(text) || split_email(text).is_some(),
        GeneralName::Uri(text) => is_domain(text),
        GeneralName::Ip(bytes) => is_network(bytes),
        _ => true,
    }
}

/// Returns whether `bytes` are an address and a mask of ones before zeros (RFC 4632).
fn is_network(bytes: &[u8]) -> bool {
    let Some((_, mask)) = halves(bytes) else { return false };
    let ones: u32 = mask.iter().map(|byte| byte.leading_ones()).sum();
    let set: u32 = mask.iter().map(|byte| byte.count_ones()).sum();
    let leading = mask.iter().position(|byte| *byte != 0xff).unwrap_or(mask.len());
    ones == set && mask.iter().skip(leading.saturating_add(1)).all(|byte| *byte == 0)
}

/// The address and the mask of a constraint on IP addresses.
fn halves(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    if matches!(bytes.len(), 8 | 32) { bytes.split_at_checked(bytes.len() / 2) } else { None }
}

/// Checks the names of `certificate` against the constraints of an issuer above it.
pub(super) fn check_names(
    certificate: &Certificate<'_>,
    place: Place,
    constraints: &NameConstraints<'_>,
    budget: &mut Budget,
) -> Result<(), PathError> {
    let mut check = |name: &GeneralName<'_>| check_name(name, place, constraints, budget);
    let subject = certificate.subject();
    if !subject.is_empty() {
        check(&GeneralName::Directory(*subject))?;
    }
    // RFC 5280 demands this only if there is no subjectAltName. Programs use the address also if there is one.
    for attribute in subject.attributes().filter(|attribute| attribute.id == oid::EMAIL_ADDRESS) {
        // An address that is no text matches no constraint, so it is refused if there is one for addresses.
        let address = core::str::from_utf8(attribute.value.contents.rest()).unwrap_or_default();
        check(&GeneralName::Email(address))?;
    }
    // The extension was read before, without an error.
    if let Ok(Some(extension)) = certificate.extension::<SubjectAltName<'_>>() {
        for name in extension.value.0 {
            check(&name)?;
        }
    }
    Ok(())
}

fn check_name(
    name: &GeneralName<'_>,
    place: Place,
    constraints: &NameConstraints<'_>,
    budget: &mut Budget,
) -> Result<(), PathError> {
    let refused = PathError::Refused { check: Check::NameConstraints, place, at: None };
    let mut of_form = |subtrees: Subtrees<'_>, matches: fn(&GeneralName<'_>, &GeneralName<'_>) -> bool| {
        let (mut any, mut matched) = (false, false);
        for subtree in subtrees.into_iter().flatten() {
            budget.spend_reading(name.len())?;
            if subtree.base.is_same_form(name) {
                any = true;
                matched = matched || matches(name, &subtree.base);
            }
        }
        Ok::<_, PathError>((any, matched))
    };
    let (permitted, is_permitted) = of_form(constraints.permitted, is_within)?;
    let (excluded, is_excluded) = of_form(constraints.excluded, may_be_within)?;
    if (permitted && !is_permitted) || (excluded && is_excluded) { Err(refused) } else { Ok(()) }
}

/// Returns whether all of `name` is within `base`, for certain. A wildcard stands for all its names.
fn is_within(name: &GeneralName<'_>, base: &GeneralName<'_>) -> bool {
    match (name, base) {
        (GeneralName::Dns(name), GeneralName::Dns(base)) => {
            is_dns_name(name) && is_within_domain(name.strip_prefix("*.").unwrap_or(name), base)
        }
        (GeneralName::Directory(name), GeneralName::Directory(base)) => {
            name.compare_start(base) == Comparison::Same
        }
        (GeneralName::Email(name), GeneralName::Email(base)) => match split_email(name) {
            Some(_) if base.bytes().any(|byte| byte == b'@') => is_same_email(name, base),
            Some((_, host)) => is_host_within(host, base),
            None => false,
        },
        (GeneralName::Uri(name), GeneralName::Uri(base)) => {
            uri_host(name).is_some_and(|host| is_host_within(host, base))
        }
        (GeneralName::Ip(address), GeneralName::Ip(base)) => is_in_network(address, base) == Some(true),
        // A form that this program does not know.
        _ => false,
    }
}

/// Returns whether a part of `name` may be within `base`: it is, or the name is malformed or of an unknown form, so that
/// this is not known.
fn may_be_within(name: &GeneralName<'_>, base: &GeneralName<'_>) -> bool {
    match (name, base) {
        (GeneralName::Dns(name), GeneralName::Dns(base)) => {
            // `*.example.com` stands for `bar.example.com`, too.
            let parent = name.strip_prefix("*.");
            let is_child = |parent: &str| {
                split_once(base, b'.').is_some_and(|(_, rest)| rest.eq_ignore_ascii_case(parent))
            };
            !is_dns_name(name)
                || is_within_domain(parent.unwrap_or(name), base)
                || parent.is_some_and(is_child)
        }
        (GeneralName::Directory(name), GeneralName::Directory(base)) => {
            name.compare_start(base) != Comparison::Different
        }
        (GeneralName::Email(address), GeneralName::Email(_)) => {
            split_email(address).is_none() || is_within(name, base)
        }
        (GeneralName::Uri(uri), GeneralName::Uri(_)) => uri_host(uri).is_none() || is_within(name, base),
        (GeneralName::Ip(address), GeneralName::Ip(base)) => is_in_network(address, base) != Some(false),
        _ => true,
    }
}

/// Returns whether `host` is `base`, or within the domain after the dot of `base`.
fn is_host_within(host: &str, base: &str) -> bool {
    match base.strip_prefix('.') {
        Some(domain) => host.len() > domain.len() && is_within_domain(host, domain),
        None => host.eq_ignore_ascii_case(base),
    }
}

/// Returns whether an address is in a network, or `None` if it is no address. An address of the other family is not.
fn is_in_network(address: &[u8], base: &[u8]) -> Option<bool> {
    if !matches!(address.len(), 4 | 16) {
        return None;
    }
    let (network, mask) = halves(base)?;
    let same = |((a, n), m): ((&u8, &u8), &u8)| a & m == n & m;
    Some(network.len() == address.len() && address.iter().zip(network).zip(mask).all(same))
}
