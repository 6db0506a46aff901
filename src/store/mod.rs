//! Files of this machine and objects in stores.
//!
//! [`Place`] is a file or an object, [`Reader`] reads it · [`address`] names objects · [`bucket`] lists them ·
//! `object` reads an object, only in the version that was listed · `clients` creates the client of a store from
//! an address and the environment · `settings` says where credentials are looked for · `errors` tells what will be
//! refused again, by the `answers` of services

pub(crate) mod address;
mod answers;
pub(crate) mod bucket;
mod clients;
mod credentials;
mod errors;
#[cfg(feature = "cloud")]
mod hub;
#[cfg(feature = "cloud")]
mod hub_api;
mod io;
mod object;
mod place;
mod settings;

pub(crate) use address::{Address, is_address, of_path, plain};
pub(crate) use bucket::Bucket;
pub use clients::register;
pub(crate) use clients::set_retries;
#[cfg(feature = "delta")]
pub(crate) use errors::{Doing, of_store};
pub(crate) use object::Object;
#[cfg(feature = "cluster")]
pub(crate) use object::Pinned;
pub(crate) use place::{Place, Reader, Stat, through_links};
pub(crate) use settings::CREDENTIAL_PLACES;
