//! What services say of a request that they refuse: a status, a code and a sentence, out of XML or JSON.

use serde_json::Value as Json;

/// Characters of a sentence that are shown.
const SENTENCE: usize = 200;

/// What a refusal comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    /// There is no such bucket or container.
    NoBucket,
    /// The region, the endpoint or the name of the bucket is wrong.
    Setting,
    /// The keys are not known, or do not fit the signature.
    Credentials,
    /// The token or the signature is no longer valid.
    Expired,
    /// The clock of this machine is wrong.
    Clock,
    /// The credentials do not have the permission.
    Denied,
    /// The object has to be brought back from an archive.
    Archived,
    /// The service is busy, or failed.
    Busy,
    /// Any other request that will be refused again.
    Other,
}

/// The answer of a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ServiceAnswer {
    pub(super) status: u16,
    /// For example `NoSuchBucket`; empty where the answer has none.
    pub(super) code: String,
    /// For example `The specified bucket does not exist`.
    sentence: String,
    pub(super) refusal: Refusal,
}

/// Codes of services: S3 and what imitates it, Google Cloud Storage, Azure, and those that give tokens.
#[rustfmt::skip]
const CODES: [(&str, Refusal); 78] = [
    ("NoSuchBucket", Refusal::NoBucket), ("ContainerNotFound", Refusal::NoBucket), ("ContainerDisabled", Refusal::NoBucket),
    ("FilesystemNotFound", Refusal::NoBucket),
    ("AuthorizationHeaderMalformed", Refusal::Setting), ("PermanentRedirect", Refusal::Setting),
    ("TemporaryRedirect", Refusal::Setting), ("Redirect", Refusal::Setting), ("InvalidBucketName", Refusal::Setting),
    ("IllegalLocationConstraintException", Refusal::Setting), ("InvalidRegion", Refusal::Setting),
    ("InvalidLocationConstraint", Refusal::Setting), ("UserProjectMissing", Refusal::Setting), ("InvalidUri", Refusal::Setting),
    ("InvalidResourceName", Refusal::Setting), ("InvalidURI", Refusal::Setting), ("AccountNotFound", Refusal::Setting),
    ("EndpointNotFound", Refusal::Setting), ("unauthorized_client", Refusal::Setting), ("invalid_scope", Refusal::Setting),
    ("InvalidAccessKeyId", Refusal::Credentials), ("SignatureDoesNotMatch", Refusal::Credentials),
    ("InvalidToken", Refusal::Credentials), ("InvalidSecurity", Refusal::Credentials),
    ("InvalidClientTokenId", Refusal::Credentials), ("UnrecognizedClientException", Refusal::Credentials),
    ("MissingSecurityHeader", Refusal::Credentials), ("NotSignedUp", Refusal::Credentials),
    ("AuthenticationRequired", Refusal::Credentials), ("authError", Refusal::Credentials), ("required", Refusal::Credentials),
    ("AuthenticationFailed", Refusal::Credentials), ("InvalidAuthenticationInfo", Refusal::Credentials),
    ("NoAuthenticationInformation", Refusal::Credentials), ("invalid_client", Refusal::Credentials),
    ("invalid_request", Refusal::Credentials), ("invalid_grant", Refusal::Credentials),
    ("InvalidIdentityToken", Refusal::Credentials), ("IncompleteSignature", Refusal::Credentials),
    ("ExpiredToken", Refusal::Expired), ("ExpiredTokenException", Refusal::Expired), ("TokenRefreshRequired", Refusal::Expired),
    ("RequestExpired", Refusal::Expired), ("ExpiredAuthenticationToken", Refusal::Expired),
    ("RequestTimeTooSkewed", Refusal::Clock),
    ("AccessDenied", Refusal::Denied), ("AllAccessDisabled", Refusal::Denied), ("AccountProblem", Refusal::Denied),
    ("AccessDeniedException", Refusal::Denied), ("UnauthorizedAccess", Refusal::Denied), ("forbidden", Refusal::Denied),
    ("insufficientPermissions", Refusal::Denied), ("accountDisabled", Refusal::Denied), ("UserProjectAccountProblem", Refusal::Denied),
    ("AuthorizationFailure", Refusal::Denied), ("AuthorizationPermissionMismatch", Refusal::Denied),
    ("AuthorizationProtocolMismatch", Refusal::Denied), ("AuthorizationServiceMismatch", Refusal::Denied),
    ("AuthorizationSourceIPMismatch", Refusal::Denied), ("AuthorizationResourceTypeMismatch", Refusal::Denied),
    ("InsufficientAccountPermissions", Refusal::Denied), ("AccountIsDisabled", Refusal::Denied),
    ("PublicAccessNotPermitted", Refusal::Denied),
    ("InvalidObjectState", Refusal::Archived), ("BlobArchived", Refusal::Archived), ("BlobBeingRehydrated", Refusal::Archived),
    ("RequestTimeout", Refusal::Busy), ("SlowDown", Refusal::Busy), ("InternalError", Refusal::Busy), ("ServiceUnavailable", Refusal::Busy),
    ("OperationAborted", Refusal::Busy), ("Throttling", Refusal::Busy), ("ServerBusy", Refusal::Busy),
    ("OperationTimedOut", Refusal::Busy), ("ContainerBeingDeleted", Refusal::Busy), ("rateLimitExceeded", Refusal::Busy),
    ("BucketRegionError", Refusal::Setting), ("backendError", Refusal::Busy),
];

impl ServiceAnswer {
    /// The answer that the text of an error of a client ends in; `None` where no service has answered.
    pub(super) fn of(text: &str) -> Option<Self> {
        const STATUS: &str = "status code: ";
        let (_, rest) = text.split_once(STATUS)?;
        let status: u16 = rest.get(..3)?.parse().ok()?;
        let body = rest.split_once(": ").map_or("", |(_, body)| body);
        let (code, sentence) = of_xml(body).or_else(|| of_json(body)).unwrap_or_default();
        let known = CODES.iter().find(|(known, _)| *known == code).map(|(_, refusal)| *refusal);
        let expired =
            sentence.contains("expired") || sentence.contains("not valid in the specified time frame");
        let refusal = match known {
            Some(Refusal::Credentials) if expired => Refusal::Expired,
            Some(refusal) => refusal,
            None => match status {
                301 | 307 | 308 => Refusal::Setting,
                401 => Refusal::Credentials,
                403 => Refusal::Denied,
                // Those that are sent again, and those that depend on what others do.
                408 | 409 | 412 | 416 | 425 | 429 | 500.. => Refusal::Busy,
                _ => Refusal::Other,
            },
        };
        Some(Self { status, code, sentence, refusal })
    }

    /// Whether the service says why: answers to HEAD have no body.
    pub(super) fn says_why(&self) -> bool {
        !self.code.is_empty()
    }

    /// `NoSuchBucket: The specified bucket does not exist`, or the status alone.
    pub(super) fn words(&self) -> String {
        match (self.code.is_empty(), self.sentence.is_empty()) {
            (true, _) => format!("status {}", self.status),
            (false, true) => self.code.clone(),
            (false, false) => format!("{}: {}", self.code, self.sentence),
        }
    }
}

/// Code and sentence of `<Error><Code>…</Code><Message>…</Message></Error>`.
fn of_xml(body: &str) -> Option<(String, String)> {
    let of = |tag: &str| {
        let (_, rest) = body.split_once(&format!("<{tag}>"))?;
        rest.split_once(&format!("</{tag}>")).map(|(text, _)| text)
    };
    Some((plain(of("Code")?), plain(of("Message").unwrap_or_default())))
}

/// The same of `{"error": {"errors": [{"reason": …}], "message": …}}`, of `{"error": {"code": …, "message": …}}`, and of
/// `{"error": …, "error_description": …}`.
fn of_json(body: &str) -> Option<(String, String)> {
    let start = body.find('{')?;
    let mut found = serde_json::Deserializer::from_str(&body[start..]).into_iter::<Json>();
    let json = found.next()?.ok()?;
    let text = |value: &Json| value.as_str().map(plain);
    let error = &json["error"];
    if let Some(code) = text(error) {
        return Some((code, text(&json["error_description"]).unwrap_or_default()));
    }
    let code = text(&error["errors"][0]["reason"])
        .or_else(|| text(&error["code"]))
        .or_else(|| text(&error["status"]));
    Some((code?, text(&error["message"]).unwrap_or_default()))
}

/// The first line of a text without markup, on one line, cut off where it is long.
fn plain(text: &str) -> String {
    let text = text.trim().lines().next().unwrap_or_default();
    let text: String =
        text.chars().filter(|c| !c.is_control() && !"<>{}".contains(*c)).take(SENTENCE).collect();
    text.trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_listed_once() {
        let mut codes: Vec<&str> = CODES.iter().map(|(code, _)| *code).collect();
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), CODES.len());
    }

    #[test]
    fn answers_are_found_in_the_text_of_errors() {
        let of = |text: &str| ServiceAnswer::of(text).map(|answer| (answer.status, answer.words()));
        assert_eq!(of("error sending request: connection refused"), None);
        assert_eq!(of("status code: 503 Service Unavailable"), Some((503, "status 503".to_owned())));
        let xml = "Error performing GET http://h/b in 3ms - Server returned non-2xx status code: 404 Not Found: <?xml?>\
                   <Error><Code>NoSuchBucket</Code><Message>The specified bucket does not exist.\nmore</Message></Error>";
        assert_eq!(of(xml), Some((404, "NoSuchBucket: The specified bucket does not exist".to_owned())));
        let json = "status code: 403 Forbidden: {\"error\":{\"code\":403,\"message\":\"no access\",\"errors\":[{\"reason\":\"forbidden\"}]}}: again";
        assert_eq!(of(json), Some((403, "forbidden: no access".to_owned())));
        let token = "status code: 400 Bad Request: {\"error\":\"invalid_grant\",\"error_description\":\"Token has been expired or revoked.\"}";
        assert_eq!(ServiceAnswer::of(token).unwrap().refusal, Refusal::Expired);
        // Whatever a service sends, no markup is shown.
        let page = "status code: 400 Bad Request: <html><Code><b>x</b></Code><Message>{y}</Message>";
        assert_eq!(of(page), Some((400, "bx/b: y".to_owned())));
    }
}
