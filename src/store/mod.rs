//! Files of this machine and objects in stores.
//!
//! [`Place`] is a file or an object, [`Reader`] reads it · [`address`] names objects · [`bucket`] lists them ·
//! `object` reads an object, only in the version that was listed · `clients` creates the client of a store from
//! an address and the environment

pub mod address;
pub mod bucket;
mod clients;
mod credentials;
mod errors;
mod io;
mod object;
mod place;

pub use address::{Address, is_address, of_path};
pub use bucket::Bucket;
pub use clients::{register, set_retries};
pub use object::{Object, Pinned};
pub use place::{Place, Reader};
