//! What stores say, as errors of this crate.

use std::error::Error as _;

use object_store::Error as StoreError;

use crate::error::Error;

/// What was being done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Doing {
    /// Looking for what is there.
    Looking,
    /// Reading what was there.
    Reading,
    /// Writing a result.
    Writing,
}

/// Where a machine in the cloud gets its credentials.
const METADATA: [&str; 2] = ["//169.254.169.254/", "//metadata.google.internal/"];
const AGAIN: &str = "run again once nothing writes to the shards";

/// The error of `doing` something at `place`.
pub(crate) fn of_store(place: &str, cause: &StoreError, doing: Doing) -> Error {
    let said = said(cause);
    let denied = "check that the credentials of the environment may do this here";
    match (cause, doing) {
        (StoreError::NotFound { .. }, Doing::Looking) => {
            Error::input(format!("{place}: there is no such object or bucket")).hint("check the address")
        }
        (StoreError::NotFound { .. }, Doing::Reading) => {
            Error::changed(format!("{place}: the object vanished during the scan")).hint(AGAIN)
        }
        (StoreError::NotFound { .. }, Doing::Writing) => {
            Error::output(format!("{place}: there is no such bucket")).hint("check the address of --out")
        }
        (StoreError::Precondition { .. } | StoreError::NotModified { .. }, Doing::Reading) => {
            Error::changed(format!("{place}: the object was replaced during the scan")).hint(AGAIN)
        }
        (StoreError::Precondition { .. } | StoreError::AlreadyExists { .. }, Doing::Writing) => {
            Error::output(format!("{place}: another run has published here meanwhile"))
                .hint("look at its result, then run again")
        }
        (StoreError::PermissionDenied { .. } | StoreError::Unauthenticated { .. }, Doing::Looking) => {
            Error::input(format!("{place}: the store refuses access: {said}")).hint(denied)
        }
        (StoreError::PermissionDenied { .. } | StoreError::Unauthenticated { .. }, Doing::Writing) => {
            Error::output(format!("{place}: the store refuses access: {said}")).hint(denied)
        }
        // What could be listed and opened can be read again once the credentials are fresh.
        (StoreError::PermissionDenied { .. } | StoreError::Unauthenticated { .. }, Doing::Reading) => {
            Error::transient(format!("{place}: the store refuses access in mid-scan: {said}")).hint(denied)
        }
        (StoreError::NotImplemented { .. } | StoreError::NotSupported { .. }, _) => {
            Error::usage(format!("{place}: this kind of store cannot do that: {said}"))
                .hint("http(s) addresses name single files to read; results go to s3, gs, az or a folder")
        }
        _ if METADATA.iter().any(|server| said.contains(server)) => {
            Error::usage(format!("{place}: no credentials are found, nor does this machine give any: {said}"))
                .hint("set those that the tools of this cloud take, or the variable that asks for none")
        }
        _ if said.contains("416 Range Not Satisfiable") => {
            Error::changed(format!("{place}: the object is shorter than it was")).hint(AGAIN)
        }
        _ if said.contains("non-partial response") => {
            Error::input(format!("{place}: the server does not give parts of a file"))
                .hint("serve it from a server that knows Range requests, or copy it here")
        }
        _ if said.contains("redirect without LOCATION") || said.contains("301 Moved") => {
            Error::usage(format!("{place}: the bucket lies in another region or endpoint: {said}"))
                .hint("set AWS_REGION or AWS_ENDPOINT_URL")
        }
        _ => Error::transient(format!("{place}: {said}"))
            .hint("run again; --verbose shows what was tried, --retries how often"),
    }
}

/// What the store or the network said, without what an address may hide in its query.
fn said(cause: &StoreError) -> String {
    const MOST: usize = 400;
    let mut text = cause.to_string();
    let mut below = cause.source();
    while let Some(inner) = below {
        let more = inner.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        below = inner.source();
    }
    let words = text.split_whitespace().map(|word| match word.split_once('?') {
        Some((address, _)) if address.contains("://") => format!("{address}?…"),
        _ => word.to_owned(),
    });
    let text = words.collect::<Vec<_>>().join(" ");
    match text.char_indices().nth(MOST) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn generic(text: &str) -> StoreError {
        StoreError::Generic { store: "S3", source: text.into() }
    }

    #[test]
    fn every_refusal_has_its_exit_code() {
        let source = || "x".into();
        let path = || "k".to_owned();
        let cases = [
            (StoreError::NotFound { path: path(), source: source() }, [4, 8, 7]),
            (StoreError::Precondition { path: path(), source: source() }, [5, 8, 7]),
            (StoreError::PermissionDenied { path: path(), source: source() }, [4, 5, 7]),
            (generic("status code: 416 Range Not Satisfiable"), [8, 8, 8]),
            (generic("503 Slow Down"), [5, 5, 5]),
        ];
        for (cause, codes) in cases {
            let found = [Doing::Looking, Doing::Reading, Doing::Writing]
                .map(|doing| of_store("s3://b/k", &cause, doing).exit_code());
            assert_eq!(found, codes, "{cause}");
        }
    }

    #[test]
    fn queries_of_addresses_are_not_shown() {
        let error =
            of_store("az://b/k", &generic("GET https://h/k?sig=canary&x=1 in 3ms - 503"), Doing::Reading);
        assert!(
            error.to_string().contains("https://h/k?… in 3ms") && !error.to_string().contains("canary"),
            "{error}"
        );
    }
}
