//! The signature algorithms of X.509 by AWS-LC.

use minipki_provider::x509::ALL;

minipki_fixtures::signature_tests!(&ALL);
