//! Tables of a REST catalog: `iceberg+https://HOST/PATH/NAMESPACE.TABLE`.
//!
//! ```text
//! GET /v1/config[?warehouse=…]                       ─▶ the prefix of what follows
//! GET /v1/PREFIX/namespaces/NAMESPACE/tables/TABLE   ─▶ where the newest metadata.json lies
//! ```
//!
//! `ICEBERG_TOKEN` is sent to this server alone, `ICEBERG_WAREHOUSE` names one of several warehouses. Files are read with
//! the credentials of the environment, never with those that a catalog hands out.

use std::time::Duration;

use serde_json::Value as Json;

use crate::error::{Error, Result};
use crate::source::vocabulary::nearest;
use crate::store::Address;

/// What addresses of catalogs begin with.
const SCHEME: &str = "iceberg+";
const SPELLING: &str = "write iceberg+https://HOST/PATH/NAMESPACE.TABLE, where HOST/PATH/v1/config answers";
/// Names of levels of a namespace have this between them.
const LEVELS: &str = "\u{1f}";
/// Requests that are sent before a failure counts.
const TRIES: u32 = 3;
/// Tables of a namespace that a message lists.
const TABLES_SHOWN: usize = 8;

/// A table that a catalog knows.
#[derive(Debug)]
struct CatalogTable<'s> {
    /// As it was written.
    source: &'s str,
    /// The address of the catalog, without a slash at its end.
    catalog: String,
    namespace: Vec<String>,
    table: String,
}

/// What a server answered.
struct CatalogAnswer {
    status: u16,
    body: String,
}

impl CatalogAnswer {
    fn json(&self) -> Json {
        serde_json::from_str(&self.body).unwrap_or_default()
    }
}

/// The address without its scheme, if it names a table of a catalog.
fn of_catalog(source: &str) -> Option<&str> {
    let start = source.get(..SCHEME.len())?;
    start.eq_ignore_ascii_case(SCHEME).then(|| &source[SCHEME.len()..])
}

/// Where the newest description of the table lies that a source names; `None` for other sources.
///
/// # Errors
/// [`Error::Usage`] for an address that names no table, and where the catalog refuses access; [`Error::Input`] naming
/// a table that the catalog does not have; [`Error::Transient`] where it does not answer.
pub(crate) fn newest_metadata_of(source: &str) -> Option<Result<String>> {
    let address = of_catalog(source)?;
    Some(CatalogTable::parse(source, address).and_then(|table| table.newest_metadata()))
}

impl<'s> CatalogTable<'s> {
    fn parse(source: &'s str, address: &str) -> Result<Self> {
        let wrong = |what: &str| Error::usage(format!("{source}: {what}")).hint(SPELLING);
        let address = Address::parse(address)?;
        if !address.is_web() {
            return Err(wrong("a catalog is asked by http or https"));
        }
        let path = address.key().trim_end_matches('/');
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        let folder = folder.strip_suffix("v1").map_or(folder, |above| above.trim_end_matches('/'));
        let (namespace, table) = name.rsplit_once('.').ok_or_else(|| wrong("it names no table"))?;
        let namespace: Vec<String> = namespace.split('.').map(str::to_owned).collect();
        if table.is_empty() || namespace.iter().any(String::is_empty) {
            return Err(wrong("it names no table"));
        }
        let catalog = address.with_key(folder).to_string().trim_end_matches('/').to_owned();
        Ok(Self { source, catalog, namespace, table: table.to_owned() })
    }

    fn newest_metadata(&self) -> Result<String> {
        let namespaces = self.namespaces()?;
        let namespace = encoded(&self.namespace.join(LEVELS));
        let answer = self.ask(&format!("{namespaces}/{namespace}/tables/{}", encoded(&self.table)))?;
        match answer.status {
            200 => {}
            404 => return Err(self.no_table(&namespaces, &namespace)),
            _ => return Err(self.refused(&answer)),
        }
        let found = answer.json();
        let location = found.get("metadata-location").and_then(Json::as_str);
        location.map(str::to_owned).ok_or_else(|| {
            Error::input(format!("{}: the catalog does not say where the table lies", self.source))
                .hint("commit the table first: one that is only staged has no metadata.json")
        })
    }

    /// The path of the namespaces below the catalog.
    fn namespaces(&self) -> Result<String> {
        let query = variable("ICEBERG_WAREHOUSE").map(|name| format!("?warehouse={}", encoded(&name)));
        let answer = self.ask(&format!("/v1/config{}", query.unwrap_or_default()))?;
        let config = answer.json();
        if answer.status == 404 || (answer.status == 200 && !config.is_object()) {
            return Err(Error::usage(format!(
                "{}: {}/v1/config is none of an Iceberg REST catalog",
                self.source, self.catalog
            ))
            .hint(SPELLING));
        }
        if answer.status != 200 {
            return Err(self.refused(&answer));
        }
        let prefix = |of: &str| config.get(of)?.get("prefix")?.as_str().map(str::to_owned);
        let prefix = prefix("overrides").or_else(|| prefix("defaults")).unwrap_or_default();
        let prefix: Vec<String> = prefix.split('/').filter(|part| !part.is_empty()).map(encoded).collect();
        let slash = if prefix.is_empty() { "" } else { "/" };
        Ok(format!("/v1{slash}{}/namespaces", prefix.join("/")))
    }

    /// The catalog has no such table; what it has instead.
    fn no_table(&self, namespaces: &str, namespace: &str) -> Error {
        let name = self.namespace.join(".");
        let error = Error::input(format!("{}: the catalog has no table {name}.{}", self.source, self.table));
        let there = self.ask(&format!("{namespaces}/{namespace}/tables"));
        let Ok(answer) = there else { return error.hint("check the name") };
        if answer.status == 404 {
            return Error::input(format!("{}: the catalog has no namespace {name}", self.source))
                .hint("check the name; ICEBERG_WAREHOUSE names one of several warehouses");
        }
        let found = answer.json();
        let tables = found.get("identifiers").and_then(Json::as_array).into_iter().flatten();
        let mut tables: Vec<&str> = tables.filter_map(|table| table.get("name")?.as_str()).collect();
        tables.sort_unstable();
        match nearest(&self.table, tables.iter().copied()) {
            Some(near) => error.hint(format!("did you mean {name}.{near}?")),
            None if tables.is_empty() => error.hint(format!("the namespace {name} has no tables")),
            None => {
                let more = if tables.len() > TABLES_SHOWN { ", …" } else { "" };
                tables.truncate(TABLES_SHOWN);
                error.hint(format!("tables of {name} are {}{more}", tables.join(", ")))
            }
        }
    }

    fn refused(&self, answer: &CatalogAnswer) -> Error {
        let found = answer.json();
        let said = found.get("error").and_then(|error| error.get("message")).and_then(Json::as_str);
        let said = said.map(|said| format!(": {}", said.chars().take(200).collect::<String>()));
        let what =
            format!("{}: the catalog answers {}{}", self.source, answer.status, said.unwrap_or_default());
        match answer.status {
            401 | 403 if variable("ICEBERG_TOKEN").is_none() => {
                Error::usage(what).hint("set ICEBERG_TOKEN to a bearer token of the catalog")
            }
            401 | 403 => Error::usage(what).hint(
                "ICEBERG_TOKEN is expired, or has no right to read this table: set it to another token",
            ),
            status if status == 429 || status >= 500 => Error::transient(what).hint("run again"),
            _ => Error::input(what)
                .hint("check the address; ICEBERG_WAREHOUSE names one of several warehouses"),
        }
    }

    /// Asks for a path below the catalog, again where the server is busy.
    fn ask(&self, path: &str) -> Result<CatalogAnswer> {
        let address = format!("{}{path}", self.catalog);
        let mut pause = Duration::from_millis(200);
        for _ in 1..TRIES {
            match ask(&address) {
                Ok(answer) if answer.status != 429 && answer.status < 500 => return Ok(answer),
                _ => std::thread::sleep(pause),
            }
            pause *= 4;
        }
        ask(&address).map_err(|cause| {
            Error::transient(format!("{}: {} does not answer: {cause}", self.source, self.catalog))
                .hint("check the address, and run again")
        })
    }
}

fn ask(address: &str) -> Result<CatalogAnswer, Box<ureq::Error>> {
    let agent = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .timeout_global(Some(Duration::from_secs(50)))
        .user_agent(concat!("posweight/", env!("CARGO_PKG_VERSION")))
        .build();
    let mut request = ureq::Agent::from(agent).get(address).header("Accept", "application/json");
    if let Some(token) = variable("ICEBERG_TOKEN") {
        request = request.header("Authorization", format!("Bearer {token}"));
    }
    let mut answer = request.call()?;
    let body = answer.body_mut().with_config().limit(1 << 28).read_to_string()?;
    Ok(CatalogAnswer { status: answer.status().as_u16(), body })
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
}

/// Text as a part of a path or a query.
fn encoded(text: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let one = |byte: u8| if is_plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    text.bytes().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_name_a_catalog_a_namespace_and_a_table() {
        let parsed = |source: &str| {
            let table = CatalogTable::parse(source, of_catalog(source)?).ok()?;
            Some(format!("{} {} {}", table.catalog, table.namespace.join("/"), table.table))
        };
        for (source, expected) in [
            ("iceberg+http://h:81/ns.t", Some("http://h:81 ns t")),
            ("Iceberg+https://h/api/catalog/a.b.t/", Some("https://h/api/catalog a/b t")),
            ("iceberg+https://h/cat/v1/ns.t", Some("https://h/cat ns t")),
            ("iceberg+https://h/t", None),
            ("iceberg+https://h/a..t", None),
            ("iceberg+https://h/ns.", None),
            ("iceberg+s3://h/ns.t", None),
            ("iceberg+https://u:p@h/ns.t", None),
            ("https://h/ns.t", None),
        ] {
            assert_eq!(parsed(source).as_deref(), expected, "{source}");
        }
        assert_eq!(encoded(&["a b", "c"].join(LEVELS)), "a%20b%1Fc");
    }
}
