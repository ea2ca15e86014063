//! A headless Chromium, driven by WebDriver (W3C) over plain HTTP: what a person does on a page.
//!
//! Start with [`Chrome::start`]; dropping it ends the browser and its driver.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

use super::ports::{free_port, wait_for_listener};
use super::process::program;
use super::wait;

/// A browser on a busy machine takes its time to start.
const ANSWER_WITHIN: Duration = Duration::from_secs(90);
const SHOWN_WITHIN: Duration = Duration::from_secs(20);
/// The key under which WebDriver names an element (W3C WebDriver section 12).
const ELEMENT_KEY: &str = "element-6066-11e4-a52e-4f735466cecf";

/// A browser with one window.
pub struct Chrome {
    driver: Child,
    port: u16,
    session: String,
    /// The browser's profile, and what the driver wrote.
    folder: tempfile::TempDir,
}

/// Something on the page, until the page changes.
pub struct Element(String);

impl Chrome {
    /// Starts a browser that has never been used.
    pub fn start() -> Self {
        let browser = program("chromium", "chromium").get_program().to_owned();
        let folder =
            tempfile::Builder::new().prefix("fb-").tempdir_in("/tmp").expect("a folder in /tmp");
        let port = free_port();
        let mut driver = program("chromedriver", "chromium-driver");
        driver
            .arg(format!("--port={port}"))
            .arg(format!("--log-path={}/driver.log", folder.path().display()));
        driver.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let driver = driver.spawn().expect("chromedriver runs");
        let mut chrome = Self { driver, port, session: String::new(), folder };
        wait_for_listener("chromedriver", port);
        chrome.begin_session(&browser.to_string_lossy());
        chrome
    }

    /// Opens a page and waits until it is loaded.
    pub fn goto(&self, url: &str) {
        self.post("/url", &json!({ "url": url }));
    }

    /// Where the browser is now.
    pub fn url(&self) -> String {
        self.get("/url").as_str().expect("a URL").to_owned()
    }

    /// The first element that a CSS selector names, as soon as there is one.
    pub fn find(&self, selector: &str) -> Element {
        self.find_by("css selector", selector)
    }

    /// The first link whose text contains `text`, as soon as there is one.
    pub fn find_link(&self, text: &str) -> Element {
        self.find_by("partial link text", text)
    }

    /// Waits until the page shows `text`.
    pub fn wait_for_text(&self, text: &str) {
        wait::until(&format!("the page to show {text:?}"), SHOWN_WITHIN, || {
            // Between two pages there may be no body for a moment.
            let body = self.element("css selector", "body").ok()?;
            let shown = self.call("GET", &format!("/element/{}/text", body.0), None).ok()?;
            shown.as_str()?.contains(text).then_some(())
        });
    }

    /// Clicks it as a person would: not when something covers it.
    pub fn click(&self, element: &Element) {
        self.post(&format!("/element/{}/click", element.0), &json!({}));
    }

    /// From here on elements are looked for in this frame, until [`Chrome::leave_frame`].
    pub fn enter_frame(&self, frame: &Element) {
        self.post("/frame", &json!({ "id": { ELEMENT_KEY: frame.0 } }));
    }

    /// Back to the page itself.
    pub fn leave_frame(&self) {
        self.post("/frame", &json!({ "id": null }));
    }

    /// Types into it.
    pub fn write(&self, element: &Element, text: &str) {
        self.post(&format!("/element/{}/value", element.0), &json!({ "text": text }));
    }

    /// Its text as shown.
    pub fn text(&self, element: &Element) -> String {
        self.get(&format!("/element/{}/text", element.0)).as_str().expect("a text").to_owned()
    }

    /// What the window shows, as PNG.
    pub fn screenshot(&self, path: &Path) {
        let encoded = self.get("/screenshot");
        let encoded = encoded.as_str().expect("an image");
        let png = data_encoding::BASE64.decode(encoded.as_bytes()).expect("base64");
        fs::write(path, png).expect("the image is written");
    }

    /// What a script returns, in the frame that is entered.
    pub fn evaluate(&self, script: &str) -> Value {
        let body = json!({ "script": script, "args": [] });
        self.call("POST", "/execute/sync", Some(&body)).expect("the script runs")
    }

    fn begin_session(&mut self, browser: &str) {
        let profile = format!("--user-data-dir={}/profile", self.folder.path().display());
        let arguments = [
            "--headless=new",
            // As root the sandbox does not start; only our own pages are opened.
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--no-first-run",
            "--window-size=1280,1000",
            &profile,
        ];
        let options = json!({ "binary": browser, "args": arguments });
        let wish = json!({ "capabilities": { "alwaysMatch": { "goog:chromeOptions": options } } });
        let answer = self.post("", &wish);
        self.session = answer["sessionId"].as_str().expect("a session").to_owned();
    }

    fn find_by(&self, using: &str, value: &str) -> Element {
        wait::until(&format!("{value:?} on the page"), SHOWN_WITHIN, || self.element(using, value).ok())
    }

    fn element(&self, using: &str, value: &str) -> Result<Element, String> {
        let found = self.call("POST", "/element", Some(&json!({ "using": using, "value": value })))?;
        Ok(Element(found[ELEMENT_KEY].as_str().expect("an element").to_owned()))
    }

    fn get(&self, path: &str) -> Value {
        self.call("GET", path, None).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    fn post(&self, path: &str, body: &Value) -> Value {
        self.call("POST", path, Some(body)).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    /// One command; the error is the driver's own words.
    fn call(&self, method: &str, path: &str, body: Option<&Value>) -> Result<Value, String> {
        let session = if self.session.is_empty() { String::new() } else { format!("/{}", self.session) };
        let body = body.map(Value::to_string).unwrap_or_default();
        let answer = exchange(self.port, method, &format!("/session{session}{path}"), &body)
            .map_err(|error| format!("chromedriver does not answer: {error}"))?;
        let value = answer["value"].clone();
        match value.get("error") {
            Some(error) => Err(format!("{error}: {}", value["message"])),
            None => Ok(value),
        }
    }
}

impl Drop for Chrome {
    fn drop(&mut self) {
        if !self.session.is_empty() {
            // Ends the browser with it; when that fails the driver's end does.
            let _ = self.call("DELETE", "", None);
        }
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

/// One HTTP/1.1 request on a connection of its own; the answer is JSON with its length told.
fn exchange(port: u16, method: &str, path: &str, body: &str) -> std::io::Result<Value> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(ANSWER_WITHIN))?;
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes())?;
    let mut answer = BufReader::new(stream);
    let mut length = 0;
    loop {
        let mut line = String::new();
        answer.read_line(&mut line)?;
        if line.trim_end().is_empty() {
            break;
        }
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().unwrap_or(0);
        }
    }
    let mut json = vec![0; length];
    answer.read_exact(&mut json)?;
    Ok(serde_json::from_slice(&json)?)
}
