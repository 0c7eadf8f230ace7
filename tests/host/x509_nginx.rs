//! nginx serves TLS with certificates of the built program, and curl connects: the server's certificate, mutual TLS, and
//! the end of both by a revocation.

use std::fs;
use std::net::TcpStream;
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use minipki_fixtures::openssl;
use minipki_tests::judges;
use minipki_tests::loopback::free_port;
use minipki_tests::program::{Done, Running, run};

use crate::rollover::made;
use crate::x509_ca_certificate::write_ca_certificate;
use crate::x509_sign::{KEYS, P256, csr_of, serial, sign};

/// The longest wait for nginx. Only a broken one exceeds it.
const TIMEOUT: Duration = Duration::from_secs(60);

/// The answer of a request with a client's certificate that nginx does not accept.
const BAD_REQUEST: &str = "The requested URL returned error: 400";

/// A nginx in the folder of a test. It ends when this is dropped.
struct Nginx {
    running: Running,
    port: u16,
}

impl Nginx {
    /// Starts nginx with `server.pem` and `server.key`, and these lines of configuration.
    fn start(at: &Path, tls: &str) -> Self {
        let port = free_port();
        let temporary =
            ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(|kind| format!("{kind}_temp_path tmp;"));
        let configuration = format!(
            "daemon off; master_process off; pid nginx.pid; error_log stderr info; events {{}}\n\
             http {{ access_log off; {}\n\
             server {{ listen 127.0.0.1:{port} ssl; ssl_certificate server.pem; ssl_certificate_key server.key; {tls}\n\
             location / {{ return 200 \"client: $ssl_client_s_dn\\n\"; }} }} }}\n",
            temporary.join(" ")
        );
        fs::write(at.join("nginx.conf"), configuration).expect("written");
        let prefix = at.display().to_string();
        let running = judges::start(at, "nginx", &["-p", &prefix, "-e", "stderr", "-c", "nginx.conf"]);
        let nginx = Self { running, port };
        let start = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(start.elapsed() < TIMEOUT, "nginx does not listen: {:#?}", nginx.running.stop());
            sleep(Duration::from_millis(20));
        }
        nginx
    }

    /// A request by curl, which trusts `ca.pem` alone.
    fn get(&self, at: &Path, host: &str, more: &[&str]) -> Done {
        let (port, url) = (self.port, format!("https://{host}:{}/", self.port));
        let resolve = format!("{host}:{port}:127.0.0.1");
        let arguments = ["--silent", "--show-error", "--fail", "--noproxy", "*", "--resolve", &resolve];
        judges::run(at, "curl", &[&arguments[..], &["--cacert", "ca.pem", &url], more].concat())
    }

    /// The reason why nginx did not accept the last client.
    fn client_error(&mut self) -> String {
        self.running.line("client SSL certificate verify error")
    }
}

/// Writes the key and the certificate `NAME.key` and `NAME.pem`.
fn issue(at: &Path, name: &str, profile: &str, key: &[&str], alt_names: &str) {
    let key = openssl(&[&["genpkey", "-quiet"], key].concat(), b"");
    fs::write(at.join(format!("{name}.key")), &key).expect("written");
    let (out, csr) = (format!("{name}.pem"), csr_of(&key, "/CN=not used", alt_names));
    let more = ["--profile", profile, "--subject", name, "--allow-name", ".example.org", "--out", &out];
    sign(at, &csr, &more).expect(0);
}

fn revoke(at: &Path, name: &str) {
    let pem = fs::read_to_string(at.join(format!("{name}.pem"))).expect("text");
    run(at, &["ca", "revoke", "--dir", "ca", "--serial", &serial(&pem), "--reason", "superseded"]).expect(0);
    list(at);
}

fn list(at: &Path) {
    run(at, &["ca", "crl", "--dir", "ca", "--out", "ca.crl"]).expect(0);
}

#[test]
fn curl_connects_to_nginx_until_the_certificate_of_the_server_is_revoked() {
    let folder = made();
    let at = folder.path();
    write_ca_certificate(at, "ca.pem");
    for key in [KEYS[0], P256, KEYS[4]] {
        issue(at, "server", "tls-server", key, "DNS:www.example.org");
        list(at);
        let nginx = Nginx::start(at, "");
        let answer = nginx.get(at, "www.example.org", &["--crlfile", "ca.crl"]).expect(0);
        assert_eq!(answer.stdout, "client: \n");
        let refused = nginx.get(at, "example.org", &[]).expect(60);
        assert!(refused.stderr.contains("no alternative certificate subject name matches"), "{refused:?}");
        revoke(at, "server");
        // A client without the list cannot know it.
        nginx.get(at, "www.example.org", &[]).expect(0);
        let refused = nginx.get(at, "www.example.org", &["--crlfile", "ca.crl"]).expect(60);
        assert!(refused.stderr.contains("certificate revoked"), "{refused:?}");
    }
}

#[test]
fn nginx_accepts_a_client_until_its_certificate_is_revoked() {
    let folder = made();
    let at = folder.path();
    write_ca_certificate(at, "ca.pem");
    issue(at, "server", "tls-server", P256, "DNS:www.example.org");
    for (name, key) in [("alice", KEYS[0]), ("bob", P256), ("carol", KEYS[4])] {
        issue(at, name, "tls-client", key, "");
    }
    list(at);
    let mutual = "ssl_verify_client on; ssl_client_certificate ca.pem; ssl_crl ca.crl;";
    let get = |nginx: &Nginx, name: &str| {
        let (pem, key) = (format!("{name}.pem"), format!("{name}.key"));
        nginx.get(at, "www.example.org", &["--cert", &pem, "--key", &key])
    };
    let mut nginx = Nginx::start(at, mutual);
    for name in ["alice", "bob", "carol"] {
        assert_eq!(get(&nginx, name).expect(0).stdout, format!("client: CN={name}\n"));
    }
    let refused = nginx.get(at, "www.example.org", &[]).expect(22);
    assert!(refused.stderr.contains(BAD_REQUEST), "{refused:?}");
    // A server is no client.
    let refused = get(&nginx, "server").expect(22);
    assert!(refused.stderr.contains(BAD_REQUEST), "{refused:?}");
    let reason = nginx.client_error();
    assert!(reason.contains("purpose"), "{reason}");

    revoke(at, "bob");
    let mut nginx = Nginx::start(at, mutual);
    for name in ["alice", "carol"] {
        get(&nginx, name).expect(0);
    }
    let refused = get(&nginx, "bob").expect(22);
    assert!(refused.stderr.contains(BAD_REQUEST), "{refused:?}");
    let reason = nginx.client_error();
    assert!(reason.contains("certificate revoked"), "{reason}");
}
