//! Which version of a table is meant.

use chrono::{DateTime, NaiveDate, NaiveDateTime};

use crate::error::{Error, Result};

/// A version other than the newest one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TableAt {
    /// A version of Delta Lake, or the id of a snapshot of Iceberg.
    Version(i64),
    /// The newest version that is not later, in milliseconds since 1970.
    Time(i64),
}

/// How sources that are tables are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct HowTables {
    /// Their files are read as they lie.
    pub as_files: bool,
    /// The version; the newest if there is none.
    pub at: Option<TableAt>,
}

impl HowTables {
    /// From `--as-files`, `--table-version` and `--table-timestamp`.
    ///
    /// # Errors
    /// [`Error::Usage`] where they exclude each other, or the time is none.
    pub(crate) fn of(as_files: bool, version: Option<i64>, time: Option<&str>) -> Result<Self> {
        let at = match (version, time) {
            (Some(_), Some(_)) => {
                return Err(Error::usage("--table-version and --table-timestamp exclude each other")
                    .hint("give one of them"));
            }
            (Some(version), None) => Some(TableAt::Version(version)),
            (None, Some(time)) => {
                Some(TableAt::Time(milliseconds(time).map_err(|error| error.at("--table-timestamp"))?))
            }
            (None, None) => None,
        };
        if as_files && at.is_some() {
            return Err(Error::usage("--as-files reads files as they lie, whatever version they belong to")
                .hint("drop --as-files, or --table-version and --table-timestamp"));
        }
        Ok(Self { as_files, at })
    }
}

/// A time as RFC 3339, or as a date with or without a time in UTC.
fn milliseconds(text: &str) -> Result<i64> {
    let text = text.trim();
    if let Ok(time) = DateTime::parse_from_rfc3339(text) {
        return Ok(time.timestamp_millis());
    }
    for format in ["%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M:%S%.f"] {
        if let Ok(time) = NaiveDateTime::parse_from_str(text, format) {
            return Ok(time.and_utc().timestamp_millis());
        }
    }
    let midnight = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok().and_then(|day| day.and_hms_opt(0, 0, 0));
    midnight.map(|time| time.and_utc().timestamp_millis()).ok_or_else(|| {
        Error::usage(format!("{text:?} is no time"))
            .hint("write 2026-11-29, 2026-11-29 12:00:00 (UTC) or 2026-11-29T12:00:00+01:00")
    })
}

/// Milliseconds since 1970 as a time in UTC.
#[cfg(any(feature = "delta", feature = "iceberg"))]
#[must_use]
pub(crate) fn shown(milliseconds: i64) -> String {
    DateTime::<chrono::Utc>::from_timestamp_millis(milliseconds).map_or_else(
        || format!("{milliseconds} ms"),
        |time| time.to_rfc3339_opts(chrono::SecondsFormat::Millis, true),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_without_a_zone_are_utc() {
        let noon = 1_795_953_600_000;
        for text in ["2026-11-29T12:00:00Z", "2026-11-29T13:00:00+01:00", "2026-11-29 12:00:00"] {
            assert_eq!(milliseconds(text).unwrap(), noon, "{text}");
        }
        assert_eq!(milliseconds("2026-11-29").unwrap(), noon - 12 * 3_600_000);
        assert_eq!(milliseconds("2026-11-29 12:00:00.25").unwrap(), noon + 250);
        for text in ["yesterday", "2026-13-01", "12:00", ""] {
            assert!(milliseconds(text).is_err(), "{text}");
        }
    }

    #[test]
    fn flags_that_exclude_each_other_are_refused() {
        assert!(HowTables::of(false, Some(1), Some("2026-11-29")).is_err());
        assert!(HowTables::of(true, Some(1), None).is_err());
        assert_eq!(HowTables::of(false, Some(1), None).unwrap().at, Some(TableAt::Version(1)));
    }
}
