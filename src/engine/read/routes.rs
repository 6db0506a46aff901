//! How rows and columns were read, as runs report it.

use std::sync::{Mutex, PoisonError};

use serde::Serialize;

/// How rows were read.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct Route {
    /// `encoded` or `plain`.
    pub engine: &'static str,
    /// Why not `encoded`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// How the chunks of each label column were counted; `encoded` only.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub columns: Vec<ColumnRoute>,
}

/// How the chunks of one label column were counted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(crate) struct ColumnRoute {
    /// The column.
    pub column: String,
    /// Chunks counted from encoded pages.
    pub encoded: u64,
    /// Chunks counted from their statistics alone.
    #[serde(skip_serializing_if = "is_zero")]
    pub statistics: u64,
    /// Pages counted from their statistics alone.
    #[serde(skip_serializing_if = "is_zero")]
    pub statistics_pages: u64,
    /// Chunks read as arrays.
    #[serde(skip_serializing_if = "is_zero")]
    pub arrays: u64,
    /// Why: the first reason in alphabetical order.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

impl ColumnRoute {
    /// Adds what was done with other chunks of the column.
    pub(crate) fn add(&mut self, other: &Self) {
        self.encoded += other.encoded;
        self.statistics += other.statistics;
        self.statistics_pages += other.statistics_pages;
        self.arrays += other.arrays;
        // The least, so that the account does not depend on which thread was first.
        if other.why.is_some() && (self.why.is_none() || other.why < self.why) {
            self.why.clone_from(&other.why);
        }
    }

    /// One more chunk was read as arrays.
    pub(super) fn fell_back(&mut self, why: &str) {
        self.arrays += 1;
        if self.why.as_deref().is_none_or(|known| why < known) {
            self.why = Some(why.to_owned());
        }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// The routes of all label columns, added up over threads.
#[derive(Debug)]
pub(crate) struct Routes(Mutex<Vec<ColumnRoute>>);

impl Routes {
    pub(super) fn new<'c>(columns: impl Iterator<Item = &'c str>) -> Self {
        let route = |column: &str| ColumnRoute { column: column.to_owned(), ..ColumnRoute::default() };
        Self(Mutex::new(columns.map(route).collect()))
    }

    /// Adds what one thread did.
    pub(super) fn add(&self, more: &[ColumnRoute]) {
        let mut routes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for (route, more) in routes.iter_mut().zip(more) {
            route.add(more);
        }
    }

    pub(crate) fn take(&self) -> Vec<ColumnRoute> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
