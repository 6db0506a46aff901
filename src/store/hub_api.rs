//! Requests to the Hub beside those for bytes of files.

use object_store::client::ClientOptions;
use object_store::{Error as StoreError, Result as StoreResult};
use serde::Deserialize;

const STORE: &str = "Hugging Face Hub";
/// What is said where the Hub refuses access; it does not say whether there is such a dataset.
pub(super) const ASK_TOKEN: &str = "there is no such dataset, or HF_TOKEN has no access to it";
const ENDPOINT: &str = "https://huggingface.co";

/// Where the Hub is, and who asks.
pub(super) struct HubApi {
    /// Without a slash at its end.
    pub endpoint: String,
    token: Option<String>,
}

/// A part of a listing.
pub(super) struct TreePage {
    pub body: String,
    /// The address of the next part.
    pub next: Option<String>,
}

#[derive(Deserialize)]
struct Revision {
    sha: String,
}

/// Text as a part of a path: slashes too are percent-encoded.
pub(super) fn encoded(text: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let one = |byte: u8| if is_plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    text.bytes().map(one).collect()
}

fn generic(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> StoreError {
    StoreError::Generic { store: STORE, source: cause.into() }
}

impl HubApi {
    /// `HF_ENDPOINT` and `HF_TOKEN`, as the tools of the Hub read them.
    pub(super) fn from_env() -> Self {
        let variable = |name| std::env::var(name).ok().filter(|text: &String| !text.trim().is_empty());
        let endpoint = variable("HF_ENDPOINT").unwrap_or_else(|| ENDPOINT.to_owned());
        let token = variable("HF_TOKEN").map(|token| token.trim().to_owned());
        Self { endpoint: endpoint.trim().trim_end_matches('/').to_owned(), token }
    }

    /// Options of a client that sends the token, which redirects to other hosts do not take along.
    pub(super) fn authorized(&self, options: ClientOptions) -> StoreResult<ClientOptions> {
        let Some(token) = &self.token else { return Ok(options) };
        let mut headers = options.get_default_headers().cloned().unwrap_or_default();
        let value = format!("Bearer {token}").parse().map_err(|_| generic("HF_TOKEN is no header value"))?;
        headers.insert("authorization", value);
        headers.values_mut().for_each(|value| value.set_sensitive(true));
        Ok(options.with_default_headers(headers))
    }

    /// The commit that a revision names; `None` where the server does not say.
    pub(super) async fn commit(&self, name: &str, revision: &str) -> Option<String> {
        let url = format!("{}/api/datasets/{name}/revision/{}", self.endpoint, encoded(revision));
        let page = self.page(url).await.ok()?;
        let revision: Revision = serde_json::from_str(&page.body).ok()?;
        let is_commit = !revision.sha.is_empty() && revision.sha.bytes().all(|byte| byte.is_ascii_hexdigit());
        is_commit.then_some(revision.sha)
    }

    /// The address of the first part of the listing of a folder.
    pub(super) fn tree(&self, name: &str, revision: &str, folder: &str) -> String {
        let folder: Vec<String> = folder.split('/').filter(|part| !part.is_empty()).map(encoded).collect();
        let slash = if folder.is_empty() { "" } else { "/" };
        let (endpoint, revision, folder) = (&self.endpoint, encoded(revision), folder.join("/"));
        format!("{endpoint}/api/datasets/{name}/tree/{revision}{slash}{folder}?recursive=true&expand=false")
    }

    /// Asks for one page of JSON.
    pub(super) async fn page(&self, url: String) -> StoreResult<TreePage> {
        // The token is for this server alone, whatever a header says.
        let token = self.token.clone().filter(|_| url.starts_with(&format!("{}/", self.endpoint)));
        let asked = tokio::task::spawn_blocking(move || ask(&url, token.as_deref())).await;
        asked.map_err(generic)?
    }
}

fn ask(url: &str, token: Option<&str>) -> StoreResult<TreePage> {
    let agent = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .timeout_global(Some(std::time::Duration::from_secs(50)))
        .user_agent(concat!("posweight/", env!("CARGO_PKG_VERSION")))
        .build();
    let mut request = ureq::Agent::from(agent).get(url);
    if let Some(token) = token {
        request = request.header("Authorization", format!("Bearer {token}"));
    }
    let mut answer = request.call().map_err(generic)?;
    let next = answer.headers().get("link").and_then(|link| link.to_str().ok()).and_then(next_page);
    let body = answer.body_mut().with_config().limit(1 << 28).read_to_string().map_err(generic)?;
    let (path, said) = (url.to_owned(), body.chars().take(200).collect::<String>());
    match answer.status().as_u16() {
        200 => Ok(TreePage { body, next }),
        404 => Err(StoreError::NotFound { path, source: said.into() }),
        401 => Err(StoreError::Unauthenticated { path, source: ASK_TOKEN.into() }),
        403 => Err(StoreError::PermissionDenied { path, source: ASK_TOKEN.into() }),
        status => Err(generic(format!("GET {url}: status {status}: {said}"))),
    }
}

/// The address of relation `next` in a header `Link`: `<https://…>; rel="next"`.
fn next_page(link: &str) -> Option<String> {
    link.split(',').find_map(|one| {
        let (address, rest) = one.trim().strip_prefix('<')?.split_once('>')?;
        rest.replace(' ', "").contains("rel=\"next\"").then(|| address.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn revisions_are_one_part_of_a_path_and_folders_are_several() {
        let api = HubApi { endpoint: "http://h".to_owned(), token: None };
        assert_eq!(
            api.tree("o/n", "refs/convert/parquet", "a b/c"),
            "http://h/api/datasets/o/n/tree/refs%2Fconvert%2Fparquet/a%20b/c?recursive=true&expand=false"
        );
    }

    #[test]
    fn the_next_page_is_in_the_link_header() {
        let link = "<http://h/a?cursor=x>; rel=\"next\"";
        assert_eq!(next_page(link).as_deref(), Some("http://h/a?cursor=x"));
        assert_eq!(next_page("<http://h/a>; rel=\"prev\""), None);
        assert_eq!(
            next_page(&format!("<http://h/0>; rel=\"first\", {link}")).as_deref(),
            Some("http://h/a?cursor=x")
        );
    }
}
