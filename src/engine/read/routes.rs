//! Which way each column was counted, for the account of a run.

use std::sync::{Mutex, PoisonError};

use serde::Serialize;

/// How rows were counted, and why so.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Way {
    /// `encoded` or `plain`.
    pub engine: &'static str,
    /// Why not `encoded`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// How the chunks of each label column were counted; `encoded` only.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub columns: Vec<ColumnPath>,
}

/// How the chunks of one label column were counted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ColumnPath {
    /// The column.
    pub column: String,
    /// Chunks counted from encoded pages.
    pub encoded: u64,
    /// Chunks whose statistics were taken by their word.
    #[serde(skip_serializing_if = "is_zero")]
    pub statistics: u64,
    /// Pages whose statistics were: of chunks counted from their other pages, and of chunks that had no other.
    #[serde(skip_serializing_if = "is_zero")]
    pub statistics_pages: u64,
    /// Chunks read as arrays.
    #[serde(skip_serializing_if = "is_zero")]
    pub arrays: u64,
    /// Why the first of those was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

impl ColumnPath {
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

/// The path of every label column, counted by several threads.
#[derive(Debug)]
pub(crate) struct Paths(Mutex<Vec<ColumnPath>>);

impl Paths {
    pub(super) fn new<'c>(columns: impl Iterator<Item = &'c str>) -> Self {
        let path = |column: &str| ColumnPath { column: column.to_owned(), ..ColumnPath::default() };
        Self(Mutex::new(columns.map(path).collect()))
    }

    /// Adds what one thread did.
    pub(super) fn add(&self, more: &[ColumnPath]) {
        let mut paths = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for (path, more) in paths.iter_mut().zip(more) {
            path.add(more);
        }
    }

    pub(crate) fn take(&self) -> Vec<ColumnPath> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
