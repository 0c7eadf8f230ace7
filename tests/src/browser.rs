//! A headless Chromium that ChromeDriver controls.

use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::panic::Location;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use base64ct::{Base64, Encoding};
use fantoccini::wd::WebDriverCompatibleCommand;
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};
use tempfile::TempDir;

/// The longest wait for content of a page. Only a broken page exceeds it.
const TIMEOUT: Duration = Duration::from_secs(30);

/// The options of Chromium: without a screen, also as root, and without connections to other services.
const ARGUMENTS: [&str; 11] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--force-color-profile=srgb",
    // A name that resolves to this machine, like an attacker's name after DNS rebinding.
    "--host-resolver-rules=MAP rebound.example 127.0.0.1",
];

/// ChromeDriver and the process group of its children. The group is killed when this is dropped.
struct Driver {
    child: Child,
    address: String,
}

impl Driver {
    fn start() -> Self {
        let mut child = Command::new("chromedriver")
            .arg("--port=0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .expect("chromedriver starts; `cargo xtask test` installs it, and so does `apt-get install chromium chromium-driver`");
        let mut lines = BufReader::new(child.stdout.take().expect("the stream is a pipe")).lines();
        let port = lines.by_ref().map_while(Result::ok).find_map(|line| {
            let port = line.split("started successfully on port ").nth(1)?;
            port.trim_end_matches('.').parse::<u16>().ok()
        });
        // Read the rest of the output, so that the pipe never fills up.
        std::thread::spawn(move || lines.map_while(Result::ok).count());
        let port = port.expect("chromedriver prints its port");
        Self { child, address: format!("http://127.0.0.1:{port}") }
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        let group = format!("-{}", self.child.id());
        // The group may have ended already.
        let _ = Command::new("kill").args(["-KILL", "--", &group]).stderr(Stdio::null()).status();
        let _ = self.child.wait();
    }
}

/// A browser with an open page.
pub struct Browser {
    client: Client,
    /// The origin of relative paths, for example `http://127.0.0.1:9080`.
    site: String,
}

/// Runs `test` with a new browser and an empty profile. The browser opens `link` first.
///
/// # Panics
/// If the browser does not start, or if `test` panics.
pub async fn browse<T>(link: &str, test: impl AsyncFnOnce(&Browser) -> T) -> T {
    let driver = Driver::start();
    let profile = TempDir::new().expect("a folder");
    let mut arguments: Vec<String> = ARGUMENTS.map(str::to_owned).to_vec();
    arguments.push(format!("--user-data-dir={}", profile.path().display()));
    let capabilities = json!({ "goog:chromeOptions": { "args": arguments } });
    let Value::Object(capabilities) = capabilities else { unreachable!("it is an object") };
    let client = ClientBuilder::new(HttpConnector::new())
        .capabilities(capabilities)
        .connect(&driver.address)
        .await
        .expect(
            "chromium starts; `apt-get install chromium chromium-driver` brings both in versions that fit",
        );
    let end = link.match_indices('/').nth(2).map_or(link.len(), |(at, _)| at);
    let browser = Browser { client, site: link[..end].to_owned() };
    browser.size(1200, 900).await;
    browser.goto(link).await;
    let outcome = test(&browser).await;
    // After a failure here, the driver ends the browser.
    let _ = browser.client.close().await;
    outcome
}

impl Browser {
    /// Opens a path of the site, or another address.
    pub async fn goto(&self, path: &str) {
        let url = if path.starts_with('/') { format!("{}{path}", self.site) } else { path.to_owned() };
        self.client.goto(&url).await.unwrap_or_else(|error| panic!("{url}: {error}"));
    }

    /// The origin of the site, for example `http://127.0.0.1:9080`.
    pub fn site(&self) -> &str {
        &self.site
    }

    /// The text of the first matching element.
    pub async fn text(&self, css: &str) -> String {
        self.wait(css).await;
        // One script does both steps, because the page may replace the element between two requests.
        let text = self.value(&format!("document.querySelector({})?.innerText", Value::from(css))).await;
        text.as_str().unwrap_or_default().to_owned()
    }

    /// Waits for an element.
    ///
    /// # Panics
    /// If the element does not appear.
    #[track_caller]
    pub fn wait<'b>(&'b self, css: &'b str) -> impl Future<Output = fantoccini::elements::Element> + 'b {
        let caller = Location::caller();
        async move {
            let found = self.client.wait().at_most(TIMEOUT).for_element(Locator::Css(css)).await;
            found.unwrap_or_else(|error| panic!("{css}: {error} (called at {caller})"))
        }
    }

    /// Waits until a script's value is true.
    ///
    /// # Panics
    /// If it does not become true. The message contains the text of the page.
    #[track_caller]
    pub fn until<'b>(&'b self, condition: &'b str) -> impl Future<Output = ()> + 'b {
        let caller = Location::caller();
        async move {
            self.become_true(condition, caller).await;
        }
    }

    /// Waits until the page contains `text`.
    ///
    /// # Panics
    /// As [`Browser::until`].
    #[track_caller]
    pub fn says(&self, text: &str) -> impl Future<Output = ()> {
        let condition = format!("document.body.innerText.includes({})", Value::from(text));
        let caller = Location::caller();
        async move {
            self.become_true(&condition, caller).await;
        }
    }

    async fn become_true(&self, condition: &str, caller: &Location<'_>) {
        let polling = async {
            let script = format!("return ({condition});");
            // The script fails while the browser loads another page.
            while !matches!(self.client.execute(&script, Vec::new()).await, Ok(Value::Bool(true))) {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        if tokio::time::timeout(TIMEOUT, polling).await.is_err() {
            panic!(
                "never true: {condition} (called at {caller}); the page says:\n{}",
                self.text("body").await
            );
        }
    }

    /// Clicks the first matching element.
    pub async fn click(&self, css: &str) {
        self.wait(css).await.click().await.unwrap_or_else(|error| panic!("{css}: {error}"));
    }

    /// Replaces the text of a field.
    pub async fn fill(&self, css: &str, text: &str) {
        let field = self.wait(css).await;
        field.clear().await.unwrap_or_else(|error| panic!("{css}: {error}"));
        field.send_keys(text).await.unwrap_or_else(|error| panic!("{css}: {error}"));
    }

    /// Presses a key.
    pub async fn press(&self, key: fantoccini::key::Key) {
        let text: String = char::from(key).to_string();
        self.wait("body").await.send_keys(&text).await.expect("a page takes keys");
    }

    /// The value of an expression in the page.
    pub async fn value(&self, expression: &str) -> Value {
        let script = format!("return ({expression});");
        self.client.execute(&script, Vec::new()).await.unwrap_or_else(|error| panic!("{expression}: {error}"))
    }

    /// Runs statements in the page.
    pub async fn run(&self, script: &str) -> Value {
        self.client
            .execute(script, Vec::new())
            .await
            .unwrap_or_else(|error| panic!("a script failed: {error}"))
    }

    /// Runs asynchronous statements. They end when they call their last argument.
    pub async fn run_async(&self, script: &str) -> Value {
        let ran = self.client.execute_async(script, Vec::new()).await;
        ran.unwrap_or_else(|error| panic!("a script failed: {error}"))
    }

    /// Sets the size of the view in CSS pixels. A width of 360 is a phone.
    pub async fn size(&self, width: u32, height: u32) {
        let metrics =
            json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600 });
        self.devtools("Emulation.setDeviceMetricsOverride", metrics).await;
    }

    /// Selects the dark or the light colour scheme.
    pub async fn dark(&self, dark: bool) {
        let value = if dark { "dark" } else { "light" };
        let features = json!({ "features": [{ "name": "prefers-color-scheme", "value": value }] });
        self.devtools("Emulation.setEmulatedMedia", features).await;
    }

    /// Hides the scroll bars of all pages.
    pub async fn hide_scrollbars(&self) {
        self.devtools("Emulation.setScrollbarsHidden", json!({ "hidden": true })).await;
    }

    /// A PNG of the page from its top. Its height is at most `most`.
    pub async fn picture(&self, width: u32, most: u32) -> Vec<u8> {
        let height = self.value("document.body.getBoundingClientRect().height").await;
        let height = height.as_f64().expect("a height").ceil().min(f64::from(most));
        let clip = json!({ "x": 0, "y": 0, "width": width, "height": height, "scale": 1 });
        let taken = self.devtools("Page.captureScreenshot", json!({ "clip": clip })).await;
        let text = taken["data"].as_str().expect("a picture in base64");
        Base64::decode_vec(text).expect("base64")
    }

    async fn devtools(&self, command: &'static str, params: Value) -> Value {
        let command = Devtools { command, params };
        self.client.issue_cmd(command).await.expect("a command that Chromium knows")
    }
}

/// A command of the Chrome DevTools Protocol.
#[derive(Debug)]
struct Devtools {
    command: &'static str,
    params: Value,
}

impl WebDriverCompatibleCommand for Devtools {
    fn endpoint(&self, base: &url::Url, session: Option<&str>) -> Result<url::Url, url::ParseError> {
        base.join(&format!("session/{}/goog/cdp/execute", session.unwrap_or_default()))
    }

    fn method_and_body(&self, _: &url::Url) -> (http::Method, Option<String>) {
        let body = json!({ "cmd": self.command, "params": self.params });
        (http::Method::POST, Some(body.to_string()))
    }
}
