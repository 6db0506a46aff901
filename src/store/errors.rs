//! Errors of stores as errors of this crate.
//!
//! ```text
//! answer of a service       ─▶ ServiceAnswer: status, code, sentence ─▶ Refusal ─▶ exit code
//! no answer, or no service  ─▶ the kind of the client's error        ─────────────▶ exit code
//! ```
//!
//! What will be refused again is no reason to run again: it is bad input, or a wrong setting. What may go away, such as
//! throttling and lost connections, is transient.

use std::error::Error as _;

use object_store::Error as StoreError;

use super::answers::{Refusal, ServiceAnswer};
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
const PERMISSION: &str = "check that the credentials in the environment have the permission for this";

/// The error of the operation `doing` at `place`.
pub(crate) fn of_store(place: &str, cause: &StoreError, doing: Doing) -> Error {
    let all = said(cause);
    let answer = ServiceAnswer::of(&all);
    let said = shown(&all, answer.as_ref());
    match (cause, doing) {
        (StoreError::Precondition { .. } | StoreError::NotModified { .. }, Doing::Reading) => {
            return Error::changed("the object was replaced during the scan").at(place).hint(AGAIN);
        }
        _ if all.contains("416 Range Not Satisfiable") => {
            return Error::changed("the object became shorter during the scan").at(place).hint(AGAIN);
        }
        _ if METADATA.iter().any(|server| all.contains(server)) => {
            return Error::usage(format!("no credentials found, and the metadata server of this machine has none: {said}")).at(place)
                .hint("set the credentials in the environment as for the tools of this cloud, or set AWS_SKIP_SIGNATURE, GOOGLE_SKIP_SIGNATURE or AZURE_SKIP_SIGNATURE to true for public data");
        }
        _ => {}
    }
    if let Some(error) = answer.as_ref().and_then(|answer| refused(place, answer, doing)) {
        return error;
    }
    match (cause, doing) {
        (StoreError::NotFound { .. }, Doing::Looking) => {
            Error::input("no such object or bucket").at(place).hint("check the address")
        }
        (StoreError::NotFound { .. }, Doing::Reading) => {
            Error::changed("the object vanished during the scan").at(place).hint(AGAIN)
        }
        (StoreError::NotFound { .. }, Doing::Writing) => {
            Error::output("no such bucket").at(place).hint("check the address of --out")
        }
        (StoreError::Precondition { .. } | StoreError::AlreadyExists { .. }, Doing::Writing) => {
            Error::output("another run has published a result here in the meantime")
                .at(place)
                .hint("check its result, then run again if needed")
        }
        (StoreError::PermissionDenied { .. } | StoreError::Unauthenticated { .. }, doing) => {
            lasting(doing, format!("{place}: the store refused access: {said}")).hint(PERMISSION)
        }
        (StoreError::NotImplemented { .. } | StoreError::NotSupported { .. }, _) => {
            Error::usage(format!("this store does not support the operation: {said}"))
                .at(place)
                .hint("read single files from http(s); write results to s3, gs, az or a folder")
        }
        _ if all.contains("non-partial response") => {
            Error::input("the server does not support Range requests")
                .at(place)
                .hint("use a server that supports Range requests, or copy the file to this machine")
        }
        _ if all.contains("redirect without LOCATION") => elsewhere(place, &said),
        _ if answer.is_some() => Error::transient(format!("the store answered {said}"))
            .at(place)
            .hint("run again; --verbose shows the requests, --retries N sets the number of retries"),
        _ => Error::transient(said)
            .at(place)
            .hint("run again; --verbose shows the requests, --retries N sets the number of retries"),
    }
}

/// Whether the service has refused the request without saying why, as answers to HEAD do.
pub(super) fn is_unexplained(cause: &StoreError) -> bool {
    let answer = ServiceAnswer::of(&said(cause));
    // A conflict while reading is a rule of the account, not another request.
    let is_refusal = |answer: &ServiceAnswer| answer.refusal != Refusal::Busy || answer.status == 409;
    answer.is_some_and(|answer| !answer.says_why() && is_refusal(&answer))
}

/// The error of a request that would be refused again; `None` for what depends on others, or on time.
fn refused(place: &str, answer: &ServiceAnswer, doing: Doing) -> Option<Error> {
    let words = answer.words();
    let said = |what: &str| format!("{place}: {what}: {words}");
    Some(match answer.refusal {
        Refusal::Busy => return None,
        // Objects that are not there are found by the kind of the error.
        Refusal::Other if answer.status == 404 || answer.status == 304 => return None,
        Refusal::NoBucket => lasting(doing, said("there is no such bucket")).hint("check the address"),
        Refusal::Setting => elsewhere(place, &words),
        Refusal::Credentials => lasting(doing, said("the store does not accept the credentials"))
            .hint("check the keys or the token in the environment; they may be of another account"),
        Refusal::Expired => lasting(doing, said("the credentials have expired"))
            .hint("get new credentials, such as a new session token, then start again"),
        Refusal::Clock => lasting(doing, said("the clock of this machine is wrong"))
            .hint("set the clock, for example with NTP"),
        Refusal::Denied => lasting(doing, said("the store refused access")).hint(PERMISSION),
        Refusal::Archived => lasting(doing, said("the object is archived"))
            .hint("restore it first, or leave it out of the sources"),
        Refusal::Other => lasting(doing, said("the store refused the request"))
            .hint("check the address, the region and the credentials; --verbose shows the requests"),
    })
}

/// What stays as it is: nothing is gained by another run.
fn lasting(doing: Doing, message: String) -> Error {
    match doing {
        Doing::Looking | Doing::Reading => Error::input(message),
        Doing::Writing => Error::output(message),
    }
}

/// The bucket is not where the settings say.
fn elsewhere(place: &str, said: &str) -> Error {
    let hint = match place.split_once("://") {
        Some(("gs", _)) => "check the name of the bucket, and the project that pays for it",
        Some(("az", _)) => "check AZURE_STORAGE_ACCOUNT_NAME and the name of the container",
        Some(("http" | "https" | "hf", _)) => "check the address; it must not redirect",
        _ => "check the name of the bucket, and set AWS_REGION or AWS_ENDPOINT_URL",
    };
    Error::usage(format!(
        "the bucket is in another region or at another endpoint, or its name is wrong: {said}"
    ))
    .at(place)
    .hint(hint)
}

/// The message of the store or the network, with what is below it.
fn said(cause: &StoreError) -> String {
    let mut text = cause.to_string();
    let mut below = cause.source();
    while let Some(inner) = below {
        let more = inner.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        below = inner.source();
    }
    text
}

/// What is shown of a message: the words of the service, where one has answered; else without the query part of
/// addresses, which may contain secrets, and without documents.
fn shown(text: &str, answer: Option<&ServiceAnswer>) -> String {
    const MOST: usize = 400;
    if let Some(answer) = answer {
        return answer.words();
    }
    let text = text.split_once(['<', '{']).map_or(text, |(before, _)| before);
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

    const ALL: [Doing; 3] = [Doing::Looking, Doing::Reading, Doing::Writing];

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
            (StoreError::PermissionDenied { path: path(), source: source() }, [4, 4, 7]),
            (generic("status code: 416 Range Not Satisfiable"), [8, 8, 8]),
            (generic("status code: 503 Slow Down"), [5, 5, 5]),
            (generic("connection refused"), [5, 5, 5]),
        ];
        for (cause, codes) in cases {
            let found = ALL.map(|doing| of_store("s3://b/k", &cause, doing).exit_code());
            assert_eq!(found, codes, "{cause}");
        }
    }

    /// Answers of services: status, body, and the exit codes for looking, reading and writing.
    #[test]
    fn answers_of_services_have_exit_codes() {
        let xml = |code: &str, message: &str| {
            format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>{message}</Message></Error>")
        };
        let google = |code: u16, reason: &str| {
            format!(
                "{{\"error\":{{\"code\":{code},\"message\":\"said\",\"errors\":[{{\"reason\":\"{reason}\"}}]}}}}"
            )
        };
        let token =
            |error: &str, about: &str| format!("{{\"error\":\"{error}\",\"error_description\":\"{about}\"}}");
        let (lasting, setting, busy) = ([4, 4, 7], [2, 2, 2], [5, 5, 5]);
        let cases = [
            // S3, and what imitates it.
            ("404 Not Found", xml("NoSuchBucket", "The specified bucket does not exist"), lasting),
            ("403 Forbidden", xml("AccessDenied", "Access Denied"), lasting),
            ("403 Forbidden", xml("InvalidAccessKeyId", "The key does not exist"), lasting),
            ("403 Forbidden", xml("SignatureDoesNotMatch", "The signature does not match"), lasting),
            ("403 Forbidden", xml("RequestTimeTooSkewed", "The difference is too large"), lasting),
            ("403 Forbidden", xml("InvalidObjectState", "Not valid for the storage class"), lasting),
            ("400 Bad Request", xml("ExpiredToken", "The provided token has expired."), lasting),
            ("400 Bad Request", xml("InvalidToken", "The provided token is malformed"), lasting),
            ("400 Bad Request", xml("TokenRefreshRequired", ""), lasting),
            ("400 Bad Request", xml("AuthorizationHeaderMalformed", "expecting 'eu-west-1'"), setting),
            ("400 Bad Request", xml("InvalidBucketName", ""), setting),
            ("301 Moved Permanently", xml("PermanentRedirect", ""), setting),
            ("307 Temporary Redirect", String::new(), setting),
            ("400 Bad Request", xml("RequestTimeout", ""), busy),
            ("409 Conflict", xml("OperationAborted", ""), busy),
            ("503 Service Unavailable", xml("SlowDown", ""), busy),
            ("500 Internal Server Error", xml("InternalError", ""), busy),
            ("429 Too Many Requests", String::new(), busy),
            ("400 Bad Request", String::new(), lasting),
            ("403 Forbidden", String::new(), lasting),
            // Google Cloud Storage.
            ("404 Not Found", xml("NoSuchBucket", "The specified bucket does not exist."), lasting),
            ("403 Forbidden", google(403, "forbidden"), lasting),
            ("401 Unauthorized", google(401, "authError"), lasting),
            ("401 Unauthorized", xml("AuthenticationRequired", "Authentication required."), lasting),
            ("400 Bad Request", xml("UserProjectMissing", "requester pays bucket"), setting),
            ("400 Bad Request", token("invalid_grant", "Token has been expired or revoked."), lasting),
            ("429 Too Many Requests", google(429, "rateLimitExceeded"), busy),
            ("503 Service Unavailable", google(503, "backendError"), busy),
            // Azure.
            ("404 Not Found", xml("ContainerNotFound", "The specified container does not exist."), lasting),
            (
                "403 Forbidden",
                xml("AuthenticationFailed", "Signature not valid in the specified time frame"),
                lasting,
            ),
            ("403 Forbidden", xml("AuthorizationPermissionMismatch", ""), lasting),
            ("401 Unauthorized", xml("InvalidAuthenticationInfo", "The token is expired."), lasting),
            ("409 Conflict", xml("PublicAccessNotPermitted", ""), lasting),
            ("400 Bad Request", xml("InvalidResourceName", ""), setting),
            ("401 Unauthorized", token("invalid_client", "AADSTS7000215: Invalid client secret."), lasting),
            ("503 Service Unavailable", xml("ServerBusy", "The server is busy."), busy),
            ("500 Internal Server Error", xml("OperationTimedOut", ""), busy),
            ("409 Conflict", xml("ContainerBeingDeleted", ""), busy),
            // A page of a proxy.
            ("502 Bad Gateway", "<html><body>nginx</body></html>".to_owned(), busy),
            ("407 Proxy Authentication Required", "<html>squid</html>".to_owned(), lasting),
        ];
        for (status, body, codes) in cases {
            let cause = generic(&format!(
                "Error performing GET https://h/b?sig=canary in 3ms - Server returned non-2xx status code: {status}: {body}"
            ));
            let errors = ALL.map(|doing| of_store("s3://b/k", &cause, doing));
            assert_eq!([0, 1, 2].map(|at| errors[at].exit_code()), codes, "{status} {body}: {}", errors[0]);
            for error in errors {
                let all = format!("{error} {}", error.remedy().unwrap_or_default());
                let hides = ["<", "{", "canary"].iter().all(|part| !all.contains(part));
                let again = error.exit_code() == 5 || !all.contains("run again");
                assert!(hides && again && all.lines().count() == 1, "{all}");
            }
        }
    }

    #[test]
    fn expired_credentials_are_told_from_wrong_ones() {
        let says = |body: &str| {
            let cause = generic(&format!("status code: 403 Forbidden: {body}"));
            of_store("az://c/k", &cause, Doing::Looking).to_string()
        };
        let xml = |message: &str| {
            format!("<Error><Code>AuthenticationFailed</Code><Message>{message}</Message></Error>")
        };
        assert!(says(&xml("Signature not valid in the specified time frame")).contains("have expired"));
        assert!(says(&xml("Signature did not match")).contains("does not accept the credentials"));
    }

    #[test]
    fn queries_of_addresses_are_not_shown() {
        let error =
            of_store("az://b/k", &generic("GET https://h/k?sig=canary&x=1 in 3ms - refused"), Doing::Reading);
        assert!(
            error.to_string().contains("https://h/k?… in 3ms") && !error.to_string().contains("canary"),
            "{error}"
        );
    }
}
