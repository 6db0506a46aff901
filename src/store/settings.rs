//! Where the credentials of each store are looked for, in the environment and in files below the home folder.

use std::path::PathBuf;

/// What may hold the credentials of one kind of store.
#[derive(Debug)]
pub(crate) struct CredentialPlaces {
    /// The scheme of its addresses.
    pub scheme: &'static str,
    /// Environment variables; one of them is enough.
    pub variables: &'static [&'static str],
    /// Files below the home folder; one of them is enough.
    pub files: &'static [&'static str],
}

pub(crate) const AWS: CredentialPlaces = CredentialPlaces {
    scheme: "s3",
    variables: &[
        "AWS_ACCESS_KEY_ID",
        "AWS_PROFILE",
        "AWS_WEB_IDENTITY_TOKEN_FILE",
        "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
        "AWS_CONTAINER_CREDENTIALS_FULL_URI",
        "AWS_SKIP_SIGNATURE",
    ],
    files: &[".aws/credentials", ".aws/config"],
};

pub(crate) const GOOGLE: CredentialPlaces = CredentialPlaces {
    scheme: "gs",
    variables: &[
        "GOOGLE_SERVICE_ACCOUNT",
        "GOOGLE_SERVICE_ACCOUNT_PATH",
        "GOOGLE_SERVICE_ACCOUNT_KEY",
        "GOOGLE_APPLICATION_CREDENTIALS",
        "GOOGLE_SKIP_SIGNATURE",
    ],
    files: &[".config/gcloud/application_default_credentials.json"],
};

pub(crate) const AZURE: CredentialPlaces = CredentialPlaces {
    scheme: "az",
    variables: &[
        "AZURE_STORAGE_ACCOUNT_KEY",
        "AZURE_STORAGE_ACCESS_KEY",
        "AZURE_STORAGE_SAS_KEY",
        "AZURE_STORAGE_SAS_TOKEN",
        "AZURE_STORAGE_TOKEN",
        "AZURE_STORAGE_CLIENT_SECRET",
        "AZURE_CLIENT_SECRET",
        "AZURE_FEDERATED_TOKEN_FILE",
        "AZURE_IDENTITY_ENDPOINT",
        "IDENTITY_ENDPOINT",
        "AZURE_USE_AZURE_CLI",
        "AZURE_STORAGE_USE_EMULATOR",
        "AZURE_SKIP_SIGNATURE",
    ],
    files: &[],
};

/// The stores of this machine's tools, in the order of the documentation.
pub(crate) const CREDENTIAL_PLACES: [CredentialPlaces; 4] =
    [AWS, GOOGLE, AZURE, CredentialPlaces { scheme: "hf", variables: &["HF_TOKEN"], files: &[] }];

impl CredentialPlaces {
    /// The first place that holds something: the name of a variable or the path of a file, never its value.
    pub(crate) fn found(&self) -> Option<String> {
        let variable = self.variables.iter().find(|name| is_given(name)).map(ToString::to_string);
        let file = || {
            let files = self.files.iter().filter_map(|below| below_home(below));
            files.into_iter().find(|file| file.is_file()).map(|file| file.display().to_string())
        };
        variable.or_else(file)
    }
}

/// Whether an environment variable has a value.
pub(super) fn is_given(name: &str) -> bool {
    std::env::var_os(name).is_some_and(|value| !value.is_empty())
}

/// A path below the home folder.
pub(super) fn below_home(below: &str) -> Option<PathBuf> {
    std::env::home_dir().map(|home| home.join(below))
}
