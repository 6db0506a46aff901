//! Which way each column was counted, for the account of a run.

use std::sync::{Mutex, PoisonError};

use serde::Serialize;

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
        let Self { encoded, statistics, statistics_pages, arrays, why, .. } = other.clone();
        self.add_tried(&Tried { encoded, statistics, statistics_pages, arrays, why });
    }

    fn add_tried(&mut self, tried: &Tried) {
        self.encoded += tried.encoded;
        self.statistics += tried.statistics;
        self.statistics_pages += tried.statistics_pages;
        self.arrays += tried.arrays;
        // The least, so that the account does not depend on which thread was first.
        if tried.why.is_some() && (self.why.is_none() || tried.why < self.why) {
            self.why.clone_from(&tried.why);
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
    pub(in crate::engine) fn new(columns: &[String]) -> Self {
        let path = |column: &String| ColumnPath { column: column.clone(), ..ColumnPath::default() };
        Self(Mutex::new(columns.iter().map(path).collect()))
    }

    /// Adds what one thread did.
    pub(in crate::engine) fn add(&self, tried: &[Tried]) {
        let mut paths = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for (path, tried) in paths.iter_mut().zip(tried) {
            path.add_tried(tried);
        }
    }

    pub(crate) fn take(&self) -> Vec<ColumnPath> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// What one thread did with the chunks of one column.
#[derive(Debug, Clone, Default)]
pub(in crate::engine) struct Tried {
    pub(in crate::engine) encoded: u64,
    pub(in crate::engine) statistics: u64,
    pub(in crate::engine) statistics_pages: u64,
    pub(in crate::engine) arrays: u64,
    pub(in crate::engine) why: Option<String>,
}

impl Tried {
    pub(in crate::engine) fn fell_back(&mut self, why: impl Into<String>) {
        self.arrays += 1;
        let why = why.into();
        if self.why.as_ref().is_none_or(|known| why < *known) {
            self.why = Some(why);
        }
    }
}
