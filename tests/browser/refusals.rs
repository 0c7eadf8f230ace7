//! Requests that the console must refuse, from a browser and from elsewhere.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;

use minipki_tests::browser::browse;
use minipki_tests::console_program::{Console, set_up};
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn a_link_works_in_one_browser_only() {
    let console = Console::start();
    browse(&console.link, async |first| {
        first.says("This CA has no key yet").await;
        browse(&console.link, async |second| {
            second.says("This link was used before").await;
            second.goto("/").await;
            second.says("There is no session").await;
        })
        .await;
        // After the sign-out the session is over.
        first.click("form[action='/sign-out'] button").await;
        first.says("The session is over").await;
        first.goto("/").await;
        first.says("There is no session").await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn other_names_other_sites_and_forms_of_no_page_are_refused() {
    let console = Console::start();
    browse(&console.link, async |browser| {
        browser.says("This CA has no key yet").await;

        // A name that resolves to this machine, like an attacker's name after DNS rebinding.
        let port = console.port();
        browser.goto(&format!("http://rebound.example:{port}/")).await;
        browser.says("does not have this host name").await;

        // A page of another site that submits the form for the user.
        let foreign = foreign_site(&format!(
            "<form method=post action='http://{}/authority/key'><input name=issuer_id value=evil>\
             <input name=bits value=2048></form><script>document.forms[0].submit()</script>",
            console.host()
        ));
        browser.goto(&foreign).await;
        browser.says("comes from a page of another site").await;

        // The console's own form without the token of the session.
        browser.goto("/").await;
        browser.says("This CA has no key yet").await;
        browser.run("document.querySelector('form[action=\"/authority/key\"] [name=csrf]').remove()").await;
        browser.click("form[action='/authority/key'] button").await;
        browser.says("not from a page of this session").await;
        browser.goto("/").await;
        browser.says("This CA has no key yet").await;

        // A script of another site may not read a page.
        browser.goto(&foreign_site("a page")).await;
        let read = "const done = arguments[arguments.length - 1];\
                    fetch('http://ADDRESS/', { credentials: 'include' }).then(() => done('read'), () => done('refused'))";
        let read = read.replace("ADDRESS", console.host());
        assert_eq!(browser.run_async(&read).await, json!("refused"));
    })
    .await;
    // The log has each refusal.
    let log = console.stop().expect(0).stderr;
    for refused in ["another site", "host name", "page of this session"] {
        assert!(log.contains(refused), "{refused} is not in the log:\n{log}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_script_in_a_name_is_shown_as_text_and_never_run() {
    const NAME: &str = "<script>window.run=1</script><img src=x onerror=window.run=1>";
    let console = Console::start();
    browse(&console.link, async |browser| {
        let ca = set_up(browser).await;
        browser.goto("/live").await;
        browser.says("Watching").await;
        let key = "A".repeat(43) + "=";
        let request =
            format!(r#"{{"public_key_algo":"X25519","public_key_value_b64":"{key}","subject_id":"{NAME}"}}"#);
        let mut stream = TcpStream::connect(&ca.address).expect("the CA serves");
        let length = u32::try_from(request.len()).expect("a short one").to_be_bytes();
        stream.write_all(&[&length[..], request.as_bytes()].concat()).expect("the server reads");
        browser.click(".connection summary").await;
        browser.says("bad_request").await;
        browser.click(".sequence summary").await;
        browser.says(&NAME[..40]).await;
        assert_eq!(browser.value("window.run === undefined").await, json!(true));
        assert_eq!(browser.value("document.querySelectorAll('.connections img').length").await, json!(0));
    })
    .await;
}

/// Starts another web site with one page and returns its address. It runs until the test ends.
fn foreign_site(page: &str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("the server listens");
    let answer = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{page}",
        page.len()
    );
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            // The browser may have closed the connection.
            let _ = stream.read(&mut [0; 4096]);
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    format!("http://{address}/")
}
