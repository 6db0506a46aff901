//! A short summary of a run on one line, for schedulers that take a small file from their tasks.

use serde_json::{Value as Json, json};

use super::results::{ErrorResult, RunResults};
use crate::error::Error;

/// Findings and files named at most.
const NAMED: usize = 40;
/// Characters of a message at most; schedulers refuse more than some tens of kilobytes in all.
const MESSAGE: usize = 4000;

/// The summary of a run.
#[must_use]
pub(crate) fn summary(results: &RunResults, out: &str) -> String {
    let with = |status: &str| results.shards.iter().filter(|shard| shard.status == status).count();
    let findings = results
        .findings
        .iter()
        .take(NAMED)
        .map(|one| (one.id.to_owned(), json!({ "count": one.count, "unit": one.unit })));
    let failed = |severity: &'static str| {
        let failed = results.checks.iter().filter(move |check| check.status == "failed");
        failed.filter(move |check| check.severity == severity).map(|check| check.id).collect::<Vec<_>>()
    };
    let outputs = results.outputs.iter().take(NAMED).map(|file| file.path.as_str());
    line(&json!({
        "status": results.status,
        "exit_code": results.exit_code,
        "elapsed_seconds": results.elapsed_seconds,
        "out": out,
        "result": results.result,
        "fingerprint": results.inputs.fingerprint,
        "shards": {
            "counted": with("counted"),
            "reused": with("reused"),
            "skipped": with("skipped"),
        },
        "bytes_read": results.inputs.bytes_read,
        "findings": findings.collect::<serde_json::Map<_, _>>(),
        "checks_failed": failed("error"),
        "checks_warned": failed("warn"),
        "outputs": outputs.collect::<Vec<_>>(),
        "error": results.error.as_ref().map(short),
    }))
}

/// The summary of a run that could not begin.
#[must_use]
pub(crate) fn refused(error: &Error) -> String {
    let error = ErrorResult::from(error);
    line(&json!({
        "status": "failed",
        "exit_code": error.code,
        "shards": { "counted": 0, "reused": 0, "skipped": 0 },
        "bytes_read": 0,
        "findings": {},
        "checks_failed": [],
        "checks_warned": [],
        "outputs": [],
        "error": short(&error),
    }))
}

fn short(error: &ErrorResult) -> ErrorResult {
    let cut = |text: &str| match text.char_indices().nth(MESSAGE) {
        None => text.to_owned(),
        Some((end, _)) => format!("{} …", &text[..end]),
    };
    ErrorResult { code: error.code, message: cut(&error.message), hint: error.hint.as_deref().map(cut) }
}

fn line(json: &Json) -> String {
    format!("{json}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_stays_small_whatever_the_error() {
        let text = refused(&Error::input("é".repeat(100_000)).hint("mend it"));
        assert!(text.len() < 10_000 && text.ends_with('\n'));
        let json: Json = serde_json::from_str(&text).unwrap();
        assert_eq!((&json["exit_code"], &json["error"]["hint"]), (&json!(4), &json!("mend it")));
    }
}
