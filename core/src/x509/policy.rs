//! The processing of policies ([RFC 5280 §6.1](https://www.rfc-editor.org/rfc/rfc5280#section-6.1) with the graph of
//! [RFC 9618](https://www.rfc-editor.org/rfc/rfc9618)).
//!
//! The graph itself is not kept. Its result needs two facts: the policies at the present depth, and from which policies
//! of the authority each of them descends. A policy of the authority is a node with the parent anyPolicy, called a root
//! here. So each node of the present depth has a set of roots, and the work is bounded by the size of two lists.

use heapless::Vec;

use super::extension::{
    CertificatePolicies, InhibitAnyPolicy, PolicyConstraints, PolicyInformation, PolicyMappings,
};
use super::{Budget, Certificate, Check, Limit, PathError, Place, oid};
use crate::encoding::der::{Oid, SequenceOf};
use crate::limits::X509_POLICIES;

/// The policies that the caller accepts: the inputs (c), (e), (f) and (g) of
/// [RFC 5280 §6.1.1](https://www.rfc-editor.org/rfc/rfc5280#section-6.1.1).
#[derive(Clone, Copy, Debug, Default)]
pub struct PolicyInputs<'p> {
    /// user-initial-policy-set. `None` accepts any policy.
    pub accepted: Option<&'p [Oid<'p>]>,
    /// initial-explicit-policy: the path must have an accepted policy.
    pub require_explicit: bool,
    /// initial-policy-mapping-inhibit: mappings have no effect.
    pub inhibit_mapping: bool,
    /// initial-any-policy-inhibit: anyPolicy in a certificate has no effect.
    pub inhibit_any: bool,
}

/// A set of roots, each one by its place in [`PolicyState::roots`].
type Roots = u32;

// Each root has a bit.
const _: () = assert!(X509_POLICIES <= Roots::BITS as usize);

/// A policy that the next certificate may assert, with the roots from which it descends.
#[derive(Clone, Copy, Debug)]
struct Node<'a> {
    policy: Oid<'a>,
    roots: Roots,
}

type Nodes<'a> = Vec<Node<'a>, X509_POLICIES>;

/// The state of the policies after some certificates of a path.
#[derive(Debug)]
pub(super) struct PolicyState<'a> {
    roots: Vec<Oid<'a>, X509_POLICIES>,
    /// The nodes of the present depth: the expected policies of all nodes, without anyPolicy.
    nodes: Nodes<'a>,
    /// Whether the present depth has the node anyPolicy.
    any: bool,
    /// The variables explicit_policy, policy_mapping and inhibit_anyPolicy.
    explicit: u32,
    mapping: u32,
    inhibit_any: u32,
}

impl<'a> PolicyState<'a> {
    pub(super) const fn new() -> Self {
        Self {
            roots: Vec::new(),
            nodes: Vec::new(),
            any: true,
            explicit: u32::MAX,
            mapping: u32::MAX,
            inhibit_any: u32::MAX,
        }
    }

    /// Starts a path (RFC 5280 §6.1.2 (a), (d), (e), (f)).
    pub(super) fn start(&mut self, inputs: &PolicyInputs<'_>) {
        // A variable is 0 or greater than the length of any path.
        let start = |zero| if zero { 0 } else { u32::MAX };
        self.roots.clear();
        self.nodes.clear();
        self.any = true;
        self.explicit = start(inputs.require_explicit);
        self.mapping = start(inputs.inhibit_mapping);
        self.inhibit_any = start(inputs.inhibit_any);
    }

    /// Takes a certificate that is not the last one (RFC 5280 §6.1.3 (d) to (f), §6.1.4 (a), (b), (h) to (j)).
    pub(super) fn intermediate(
        &mut self,
        certificate: &Certificate<'a>,
        place: Place,
        budget: &mut Budget,
    ) -> Result<(), PathError> {
        let self_issued = certificate.is_self_issued();
        self.assert(certificate, place, self.inhibit_any > 0 || self_issued, budget)?;
        // The extensions were read before, without an error.
        if let Ok(Some(mappings)) = certificate.extension::<PolicyMappings<'_>>() {
            self.map(mappings.value, place, budget)?;
        }
        if !self_issued {
            for variable in [&mut self.explicit, &mut self.mapping, &mut self.inhibit_any] {
                *variable = variable.saturating_sub(1);
            }
        }
        let lower =
            |variable: &mut u32, value: Option<u32>| *variable = value.unwrap_or(u32::MAX).min(*variable);
        if let Ok(Some(constraints)) = certificate.extension::<PolicyConstraints>() {
            lower(&mut self.explicit, constraints.value.require_explicit);
            lower(&mut self.mapping, constraints.value.inhibit_mapping);
        }
        if let Ok(Some(inhibit)) = certificate.extension::<InhibitAnyPolicy>() {
            lower(&mut self.inhibit_any, Some(inhibit.value.0));
        }
        Ok(())
    }

    /// Takes the last certificate and compares the policies of the path with those that the caller accepts
    /// (RFC 5280 §6.1.3 (d) to (f), §6.1.5 (a), (b), (g)).
    pub(super) fn last(
        &mut self,
        certificate: &Certificate<'a>,
        inputs: &PolicyInputs<'_>,
        budget: &mut Budget,
    ) -> Result<(), PathError> {
        let place = Place::EndEntity;
        self.assert(certificate, place, self.inhibit_any > 0, budget)?;
        self.explicit = self.explicit.saturating_sub(1);
        if let Ok(Some(constraints)) = certificate.extension::<PolicyConstraints>()
            && constraints.value.require_explicit == Some(0)
        {
            self.explicit = 0;
        }
        let accepted = match inputs.accepted {
            None => !self.is_null(),
            Some(accepted) => {
                budget.spend_comparisons(accepted.len().saturating_mul(self.roots.len()))?;
                (self.any && !accepted.is_empty())
                    || self.policies().any(|policy| {
                        accepted.iter().any(|accepted| {
                            accepted.contents() == policy.contents() || *accepted == oid::ANY_POLICY
                        })
                    })
            }
        };
        if self.explicit > 0 || accepted { Ok(()) } else { Err(refused(Check::Policy, place)) }
    }

    /// The policies of the path, in the terms of the trust anchor, without anyPolicy
    /// (authority-constrained-policy-set).
    pub(super) fn policies(&self) -> impl Iterator<Item = Oid<'a>> + '_ {
        let alive = self.nodes.iter().fold(0, |alive, node| alive | node.roots);
        self.roots.iter().enumerate().filter(move |(at, _)| alive >> at & 1 == 1).map(|(_, root)| *root)
    }

    /// Whether the path has anyPolicy.
    pub(super) const fn any(&self) -> bool {
        self.any
    }

    fn is_null(&self) -> bool {
        self.nodes.is_empty() && !self.any
    }

    /// Makes the nodes of the next depth from the policies of a certificate (RFC 5280 §6.1.3 (d) to (f)).
    fn assert(
        &mut self,
        certificate: &Certificate<'a>,
        place: Place,
        use_any: bool,
        budget: &mut Budget,
    ) -> Result<(), PathError> {
        let (earlier, had_any) = (core::mem::take(&mut self.nodes), core::mem::take(&mut self.any));
        // The extension was read before, without an error.
        if let Ok(Some(policies)) = certificate.extension::<CertificatePolicies<'_>>() {
            self.descend(policies.value.0, &earlier, had_any, budget)?;
            if policies.value.0.into_iter().any(|policy| policy.id == oid::ANY_POLICY) && use_any {
                self.any = had_any;
                for node in &earlier {
                    if !self.nodes.iter().any(|mine| mine.policy == node.policy) {
                        add(&mut self.nodes, *node)?;
                    }
                }
            }
        }
        if self.explicit > 0 || !self.is_null() { Ok(()) } else { Err(refused(Check::Policy, place)) }
    }

    /// The nodes for the policies of a certificate: children of nodes that expect them, otherwise of anyPolicy.
    fn descend(
        &mut self,
        policies: SequenceOf<'a, PolicyInformation<'a>>,
        earlier: &Nodes<'a>,
        had_any: bool,
        budget: &mut Budget,
    ) -> Result<(), PathError> {
        for PolicyInformation { id, .. } in policies.filter(|policy| policy.id != oid::ANY_POLICY) {
            budget.spend_comparisons(earlier.len().saturating_add(self.nodes.len()).saturating_add(1))?;
            if let Some(parent) = earlier.iter().find(|node| node.policy == id) {
                add(&mut self.nodes, *parent)?;
            } else if had_any {
                let roots = self.root(id)?;
                add(&mut self.nodes, Node { policy: id, roots })?;
            }
        }
        Ok(())
    }

    /// Applies the mappings of a certificate (RFC 5280 §6.1.4 (a), (b)).
    fn map(
        &mut self,
        PolicyMappings(mappings): PolicyMappings<'a>,
        place: Place,
        budget: &mut Budget,
    ) -> Result<(), PathError> {
        let is_any = |policy: Oid<'_>| policy == oid::ANY_POLICY;
        if mappings.into_iter().any(|mapping| is_any(mapping.issuer) || is_any(mapping.subject)) {
            return Err(refused(Check::PolicyMapping, place));
        }
        let nodes = core::mem::take(&mut self.nodes);
        // A policy that is mapped is no longer expected itself.
        for node in &nodes {
            budget.spend_comparisons(mappings.count())?;
            if !mappings.into_iter().any(|mapping| mapping.issuer == node.policy) {
                add(&mut self.nodes, *node)?;
            }
        }
        if self.mapping == 0 {
            return Ok(());
        }
        for mapping in mappings {
            budget.spend_comparisons(nodes.len().saturating_add(1))?;
            let roots = match nodes.iter().find(|node| node.policy == mapping.issuer) {
                Some(node) => node.roots,
                None if self.any => self.root(mapping.issuer)?,
                None => continue,
            };
            add(&mut self.nodes, Node { policy: mapping.subject, roots })?;
        }
        Ok(())
    }

    /// The set of the root `policy`, which is made if it does not exist.
    ///
    /// Two nodes of the graph with the same policy and the parent anyPolicy, at two depths, are one root: the result is
    /// a set of policies.
    fn root(&mut self, policy: Oid<'a>) -> Result<Roots, PathError> {
        let at = match self.roots.iter().position(|root| *root == policy) {
            Some(at) => at,
            None => {
                self.roots.push(policy).map_err(|_| PathError::Budget(Limit::Policies))?;
                self.roots.len().saturating_sub(1)
            }
        };
        Ok(1_u32.unbounded_shl(at as u32))
    }
}

/// Adds a node, or its roots to the node of the same policy.
fn add<'a>(nodes: &mut Nodes<'a>, new: Node<'a>) -> Result<(), PathError> {
    match nodes.iter_mut().find(|node| node.policy == new.policy) {
        Some(node) => node.roots |= new.roots,
        None => nodes.push(new).map_err(|_| PathError::Budget(Limit::Policies))?,
    }
    Ok(())
}

const fn refused(check: Check, place: Place) -> PathError {
    PathError::Refused { check, place, at: None }
}
