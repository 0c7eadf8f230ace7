//! The one place where a decision over secrets becomes public.

use core::hint::black_box;

use subtle::Choice;

/// A decision over secrets that the program acts on openly, and the reason why it may.
///
/// The list is complete: `cargo xtask constant-time` reports every other branch on a secret, and every address.
#[derive(Clone, Copy, Debug)]
pub enum Public {
    /// Whether the parts of a private key fit each other. It is so for every key that is ever used; any other is
    /// refused when it is read, and has nothing to hide.
    KeyIsSound,
    /// Whether a result of the private operation gives its input back. It is so unless the machine is faulty, and
    /// then the result is withheld.
    ResultIsRight,
    /// Whether a shared secret is all zeros. The peer's public key alone decides that (RFC 7748 §6.1).
    SharedIsZero,
    /// Whether a proof of possession is the right one: the answer to the peer says it.
    ProofIsRight,
}

/// Makes `choice` public, for the reason that is named.
///
/// Only this function uses a secret as an address. Memcheck is told to accept it here, and takes what comes
/// out for public.
#[inline(never)]
pub fn declassify(choice: Choice, _reason: Public) -> bool {
    black_box(&[false, true]).get(usize::from(choice.unwrap_u8())).copied().unwrap_or_default()
}
