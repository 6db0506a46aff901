//! Credentials come from the same places as for the tools of each cloud, never from a flag. Without any, the
//! error comes at once: a machine outside the cloud would wait minutes for its metadata server.

#![cfg(feature = "cloud")]

use std::collections::HashMap;
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::path::PathBuf;
use std::time::Duration;

use object_store::aws::AmazonS3Builder;

use super::address::Address;
use super::settings::{AZURE, GOOGLE, below_home, is_given};
use crate::error::{Error, Result};

/// Timeout for the metadata server of this machine.
const PATIENCE: Duration = Duration::from_secs(1);
const METADATA: &str = "169.254.169.254:80";

fn given(names: &[&str]) -> bool {
    names.iter().any(|name| is_given(name))
}

/// Whether a metadata server answers at `place`, which is `host:port`.
fn answers(place: &str) -> bool {
    let addresses: Vec<SocketAddr> = place.to_socket_addrs().map(Iterator::collect).unwrap_or_default();
    addresses.iter().any(|address| TcpStream::connect_timeout(address, PATIENCE).is_ok())
}

fn none(address: &Address, hint: &str) -> Error {
    Error::usage(format!("{}: no credentials found", address.root())).hint(hint)
}

/// In this order: environment, profile files, web identity, container, machine.
pub(super) fn aws(builder: AmazonS3Builder, address: &Address) -> Result<AmazonS3Builder> {
    let skips = std::env::var("AWS_SKIP_SIGNATURE").is_ok_and(|value| value != "false" && value != "0");
    let profile = std::env::var("AWS_PROFILE").unwrap_or_else(|_| "default".to_owned());
    let read = |variable: &str, below: &str, section: &str| {
        let path = std::env::var_os(variable).map(PathBuf::from).or_else(|| below_home(below));
        let text = path.and_then(|path| std::fs::read_to_string(path).ok()).unwrap_or_default();
        self::section(&text, section)
    };
    let named = if profile == "default" { profile.clone() } else { format!("profile {profile}") };
    let config = read("AWS_CONFIG_FILE", ".aws/config", &named);
    let mut builder = builder;
    if !given(&["AWS_REGION", "AWS_DEFAULT_REGION"])
        && let Some(region) = config.get("region")
    {
        builder = builder.with_region(region);
    }
    let elsewhere = [
        "AWS_ACCESS_KEY_ID",
        "AWS_WEB_IDENTITY_TOKEN_FILE",
        "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
        "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    ];
    if skips || given(&elsewhere) {
        return Ok(builder);
    }
    let kept = read("AWS_SHARED_CREDENTIALS_FILE", ".aws/credentials", &profile);
    let of = |key: &str| kept.get(key).or_else(|| config.get(key));
    if let (Some(id), Some(secret)) = (of("aws_access_key_id"), of("aws_secret_access_key")) {
        builder = builder.with_access_key_id(id).with_secret_access_key(secret);
        return Ok(match of("aws_session_token") {
            Some(token) => builder.with_token(token),
            None => builder,
        });
    }
    if given(&["AWS_METADATA_ENDPOINT"]) || answers(METADATA) {
        return Ok(builder);
    }
    Err(none(
        address,
        "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY or AWS_PROFILE, or AWS_SKIP_SIGNATURE=true for a public bucket",
    ))
}

pub(super) fn google(address: &Address) -> Result<()> {
    if GOOGLE.found().is_some() || answers("metadata.google.internal:80") {
        return Ok(());
    }
    Err(none(
        address,
        "set GOOGLE_APPLICATION_CREDENTIALS, or GOOGLE_SKIP_SIGNATURE=true for a public bucket",
    ))
}

pub(super) fn azure(address: &Address) -> Result<()> {
    if AZURE.found().is_some() || answers(METADATA) {
        return Ok(());
    }
    Err(none(
        address,
        "set AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY, or AZURE_SKIP_SIGNATURE=true for a public container",
    ))
}

/// The keys of one section of an INI file.
fn section(text: &str, name: &str) -> HashMap<String, String> {
    let mut keys = HashMap::new();
    let mut within = false;
    for line in text.lines().map(str::trim) {
        if let Some(head) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            within = head.trim() == name;
        } else if let Some((key, value)) = line.split_once('=').filter(|_| within && !line.starts_with('#')) {
            keys.insert(key.trim().to_ascii_lowercase(), value.trim().to_owned());
        }
    }
    keys
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_profile_is_a_section() {
        let text = "[default]\naws_access_key_id = a\n[profile night]\n# region = x\nregion=eu-west-1\n[other]\nregion=y";
        assert_eq!(section(text, "profile night").get("region").map(String::as_str), Some("eu-west-1"));
        assert_eq!(section(text, "default").len(), 1);
        assert!(section(text, "none").is_empty());
    }
}
