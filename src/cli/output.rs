//! What every verb needs: stdout, stderr, a runtime.

use std::io::{IsTerminal, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::SystemTime;

use rustyline::Config;
use rustyline::history::MemHistory;
use serde_json::{Value as Json, json};

use crate::error::{EXIT_CODES, Error, Result};

/// Prints data on stdout. A reader that has gone away has what it wanted.
pub(super) fn print(text: &str) -> Result<()> {
    print_bytes(text.as_bytes())
}

/// The same, of bytes.
pub(super) fn print_bytes(bytes: &[u8]) -> Result<()> {
    let mut out = std::io::stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Err(cause) if cause.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Error::output(format!("stdout: {cause}")))
        }
        _ => Ok(()),
    }
}

/// Whether messages are JSON objects, one a line.
static IS_JSON: AtomicBool = AtomicBool::new(false);

/// Messages are JSON objects from now on, as those of the log.
pub(super) fn say_json() {
    IS_JSON.store(true, Ordering::Relaxed);
}

/// Whether messages are JSON objects.
pub(super) fn says_json() -> bool {
    IS_JSON.load(Ordering::Relaxed)
}

/// Says something to the person, on stderr.
pub(super) fn say(text: &str) {
    if says_json() {
        return object("INFO", &json!({ "message": text }));
    }
    // Without stderr there is no place for the message.
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}

/// Says what went wrong and what to do, on stderr.
pub(super) fn say_error(error: &Error) {
    if says_json() {
        let code = error.exit_code();
        let kind = EXIT_CODES.iter().find(|row| row.0 == code).map(|row| row.1);
        let place = error.detail().and_then(|detail| detail.place.as_deref());
        let (message, hint) = (error.to_string(), error.remedy());
        let fields = json!({ "message": message, "code": code, "kind": kind, "place": place, "hint": hint });
        return object("ERROR", &fields);
    }
    say(&format!("error: {error}"));
    if let Some(remedy) = error.remedy() {
        say(&format!("  hint: {remedy}"));
    }
}

/// One line, with the keys of the log.
fn object(level: &str, fields: &Json) {
    let time: chrono::DateTime<chrono::Utc> = SystemTime::now().into();
    let time = time.to_rfc3339_opts(chrono::SecondsFormat::Micros, true);
    let line = json!({ "timestamp": time, "level": level, "fields": fields, "target": "posweight" });
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}

/// Lines of the terminal that stdout is; `None` if it is none, or does not say.
pub(super) fn terminal_lines() -> Option<usize> {
    if !std::io::stdout().is_terminal() {
        return None;
    }
    let mut editor =
        rustyline::Editor::<(), MemHistory>::with_history(Config::default(), MemHistory::new()).ok()?;
    let (_, lines) = editor.dimensions()?;
    // A terminal that does not say how high it is counts as endless.
    (lines < u16::MAX).then_some(usize::from(lines))
}

/// Bytes as people write them: `12.3 MB`.
pub(super) fn size(bytes: u64) -> String {
    let units = ["B", "kB", "MB", "GB", "TB", "PB"];
    let mut value = bytes as f64;
    let mut unit = 0;
    while value >= 1000.0 && unit + 1 < units.len() {
        value /= 1000.0;
        unit += 1;
    }
    if unit == 0 { format!("{bytes} B") } else { format!("{value:.1} {}", units[unit]) }
}
