//! Errors of stores as errors of this crate.

use std::error::Error as _;

use object_store::Error as StoreError;

use crate::error::Error;

/// The failed operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Doing {
    /// Listing objects.
    Looking,
    /// Reading an object that was listed.
    Reading,
    /// Writing a result.
    Writing,
}

/// Where a machine in the cloud gets its credentials.
const METADATA: [&str; 2] = ["//169.254.169.254/", "//metadata.google.internal/"];
const AGAIN: &str = "run again once nothing writes to the shards";

/// The error of the operation `doing` at `place`.
pub(crate) fn of_store(place: &str, cause: &StoreError, doing: Doing) -> Error {
    let said = said(cause);
    let denied = "check that the credentials in the environment have the permission for this";
    match (cause, doing) {
        (StoreError::NotFound { .. }, Doing::Looking) => {
            Error::input(format!("{place}: no such object or bucket")).hint("check the address")
        }
        (StoreError::NotFound { .. }, Doing::Reading) => {
            Error::changed(format!("{place}: the object vanished during the scan")).hint(AGAIN)
        }
        (StoreError::NotFound { .. }, Doing::Writing) => {
            Error::output(format!("{place}: no such bucket")).hint("check the address of --out")
        }
        (StoreError::Precondition { .. } | StoreError::NotModified { .. }, Doing::Reading) => {
            Error::changed(format!("{place}: the object was replaced during the scan")).hint(AGAIN)
        }
        (StoreError::Precondition { .. } | StoreError::AlreadyExists { .. }, Doing::Writing) => {
            Error::output(format!("{place}: another run has published a result here in the meantime"))
                .hint("check its result, then run again if needed")
        }
        (StoreError::PermissionDenied { .. } | StoreError::Unauthenticated { .. }, Doing::Looking) => {
            Error::input(format!("{place}: the store refused access: {said}")).hint(denied)
        }
        (StoreError::PermissionDenied { .. } | StoreError::Unauthenticated { .. }, Doing::Writing) => {
            Error::output(format!("{place}: the store refused access: {said}")).hint(denied)
        }
        // The object was readable before, so it is readable again with fresh credentials.
        (StoreError::PermissionDenied { .. } | StoreError::Unauthenticated { .. }, Doing::Reading) => {
            Error::transient(format!("{place}: the store refused access during the scan: {said}")).hint(denied)
        }
        (StoreError::NotImplemented { .. } | StoreError::NotSupported { .. }, _) => {
            Error::usage(format!("{place}: this store does not support the operation: {said}"))
                .hint("read single files from http(s); write results to s3, gs, az or a folder")
        }
        _ if METADATA.iter().any(|server| said.contains(server)) => {
            Error::usage(format!("{place}: no credentials found, and the metadata server of this machine has none: {said}"))
                .hint("set the credentials in the environment as for the tools of this cloud, or set AWS_SKIP_SIGNATURE, GOOGLE_SKIP_SIGNATURE or AZURE_SKIP_SIGNATURE to true for public data")
        }
        _ if said.contains("416 Range Not Satisfiable") => {
            Error::changed(format!("{place}: the object became shorter during the scan")).hint(AGAIN)
        }
        _ if said.contains("non-partial response") => {
            Error::input(format!("{place}: the server does not support Range requests"))
                .hint("use a server that supports Range requests, or copy the file to this machine")
        }
        _ if said.contains("redirect without LOCATION") || said.contains("301 Moved") => {
            Error::usage(format!("{place}: the bucket is in another region or at another endpoint: {said}"))
                .hint("set AWS_REGION or AWS_ENDPOINT_URL")
        }
        _ => Error::transient(format!("{place}: {said}"))
            .hint("run again; --verbose shows the requests, --retries N sets the number of retries"),
    }
}

/// The message of the store or the network, without the query part of addresses, which may contain secrets.
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
