//! The portable provider.

use minipki_core::crypto::Portable;
use minipki_fixtures::providers::sessions;

minipki_fixtures::provider_tests!(minipki_core::crypto::Portable);

#[test]
fn enrolment_with_itself() {
    sessions::enrolment::<Portable, Portable>();
}

#[test]
fn revocation_with_itself() {
    sessions::revocation::<Portable, Portable>();
}

#[test]
fn channel_with_itself() {
    sessions::channel::<Portable, Portable>();
}
