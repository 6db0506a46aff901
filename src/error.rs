//! Every way a run can fail, by cause, with its exit code and a hint.
//!
//! A message says what was found and where (shard, column, label, flag), lower case, no full stop;
//! the hint says what to do. Several bad inputs are reported together, never one per attempt.

use std::path::Path;

/// `Result` with this crate's error.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong, by cause. Each cause has one exit code; `EXIT_CODES` is the table.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A bug in posweight.
    #[error("internal error: {0}")]
    Internal(Detail),
    /// A flag or a key of the spec is wrong, or two contradict each other.
    #[error("{0}")]
    Usage(Detail),
    /// A check of severity `error` failed.
    #[error("{0}")]
    Check(Detail),
    /// The shards, or another input file, are missing, corrupt or not as declared.
    #[error("{0}")]
    Input(Detail),
    /// Reading or writing failed, and a retry may succeed.
    #[error("{0}")]
    Transient(Detail),
    /// Out of memory or disk, or over a limit.
    #[error("{0}")]
    Resource(Detail),
    /// The output exists, is in use by another run, or cannot be written.
    #[error("{0}")]
    Output(Detail),
    /// Shards changed while they were read.
    #[error("{0}")]
    Changed(Detail),
    /// Stopped by a signal; the number is 128 + the signal.
    #[error("stopped by a signal")]
    Stopped(u8),
}

/// What was found, and what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Detail {
    /// What was found and where.
    pub message: String,
    /// What to do, if known.
    pub hint: Option<String>,
    /// Where: a shard, a file, a flag; also the start of the message.
    pub place: Option<String>,
    /// The hint at full length, for where there is room for it.
    pub overview: Option<String>,
    /// Another run has the output for as long as it lasts.
    pub is_in_use: bool,
}

impl std::fmt::Display for Detail {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

/// One row per exit code: number, name, meaning, whether a retry can help.
pub const EXIT_CODES: [(u8, &str, &str, bool); 11] = [
    (0, "done", "success; there may be warnings", false),
    (1, "internal", "internal error: a bug in posweight", false),
    (2, "usage", "a flag or a key of the spec is wrong", false),
    (3, "check", "a check of severity error failed", false),
    (4, "input", "bad input: missing, corrupt, wrong type, invalid value", false),
    (5, "transient", "transient I/O error, retries exhausted", true),
    (6, "resource", "out of memory or disk, or over a limit", false),
    (7, "output", "output conflict: it exists, another run writes it, or it is not writable", false),
    (8, "changed", "inputs changed during the scan", true),
    (130, "interrupt", "stopped by Ctrl-C", true),
    (143, "terminated", "stopped by SIGTERM", true),
];

macro_rules! constructors {
    ($($(#[$doc:meta])* $name:ident => $variant:ident;)*) => {$(
        $(#[$doc])*
        #[must_use]
        pub fn $name(message: impl Into<String>) -> Self {
            Self::$variant(Detail { message: message.into(), hint: None, place: None, overview: None, is_in_use: false })
        }
    )*};
}

/// A text as one word of a shell.
pub(crate) fn for_shell(text: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | ',' | '/');
    if !text.is_empty() && text.chars().all(is_plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', "'\\''"))
    }
}

/// A number in all its digits; one with many zeros as a power of ten, such as `5e-324`.
#[must_use]
pub(crate) fn digits(number: f64) -> String {
    let size = number.abs();
    if number.is_finite() && size != 0.0 && !(1e-9..1e16).contains(&size) {
        format!("{number:e}")
    } else {
        number.to_string()
    }
}

/// A number with its noun: `1 shard`, `2 shards`.
#[must_use]
pub fn plural(count: u64, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

/// `there is 1 label`, `there are 2 labels`.
#[must_use]
pub(crate) fn there_are(count: u64, noun: &str) -> String {
    format!("there {} {}", if count == 1 { "is" } else { "are" }, plural(count, noun))
}

impl Error {
    constructors! {
        /// A bug: an impossible state was reached.
        internal => Internal;
        /// A wrong flag or spec key.
        usage => Usage;
        /// A failed check.
        check => Check;
        /// Bad input.
        input => Input;
        /// I/O that may succeed in a retry.
        transient => Transient;
        /// Not enough memory or disk, or a limit reached.
        resource => Resource;
        /// The output exists, is in use or is not writable.
        output => Output;
        /// Inputs changed during the scan.
        changed => Changed;
    }

    /// The output is in use by another run, which ends sooner or later.
    #[must_use]
    pub(crate) fn in_use(message: impl Into<String>) -> Self {
        let mut error = Self::output(message);
        if let Some(detail) = error.detail_mut() {
            detail.is_in_use = true;
        }
        error
    }

    /// Whether it is one of [`Self::in_use`].
    pub(crate) fn is_in_use(&self) -> bool {
        self.detail().is_some_and(|detail| detail.is_in_use)
    }

    /// Joins many errors into one, so that the user can fix all of them at once; `None` if there are none.
    /// The cause is that of the first error; `what` is the plural noun of what is invalid.
    #[must_use]
    pub fn together(errors: Vec<Self>, what: &str) -> Option<Self> {
        const SHOWN: usize = 20;
        let total = errors.len();
        let mut errors = errors.into_iter();
        let mut first = errors.next()?;
        if total == 1 {
            return Some(first);
        }
        let mut message = format!("{total} {what} are wrong:\n  {first}");
        for error in errors.by_ref().take(SHOWN - 1) {
            message.push_str(&format!("\n  {error}"));
        }
        if total > SHOWN {
            message.push_str(&format!("\n  and {} more", total - SHOWN));
        }
        if let Some(detail) = first.detail_mut() {
            detail.message = message;
        }
        Some(first)
    }

    /// Adds what to do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        if let Some(detail) = self.detail_mut() {
            detail.hint = Some(hint.into());
        }
        self
    }

    /// Adds the hint at full length.
    #[must_use]
    pub(crate) fn overview(mut self, text: String) -> Self {
        if let Some(detail) = self.detail_mut() {
            detail.overview = Some(text);
        }
        self
    }

    /// Puts `place` (a shard, a file, a flag) in front of the message.
    #[must_use]
    pub fn at(mut self, place: impl std::fmt::Display) -> Self {
        if let Some(detail) = self.detail_mut() {
            detail.message = format!("{place}: {}", detail.message);
            detail.place = Some(match &detail.place {
                Some(inner) => format!("{place}: {inner}"),
                None => place.to_string(),
            });
        }
        self
    }

    /// Puts `what`, which is no place, in front of the message.
    #[must_use]
    pub(crate) fn because(mut self, what: impl std::fmt::Display) -> Self {
        if let Some(detail) = self.detail_mut() {
            detail.message = format!("{what}: {}", detail.message);
        }
        self
    }

    /// Whether it was put at this place, such as a shard, by [`Self::at`] or by its first words.
    pub(crate) fn is_at(&self, place: &str) -> bool {
        let starts = |text: &str| {
            text.strip_prefix(place).is_some_and(|rest| rest.is_empty() || rest.starts_with(": "))
        };
        let Some(Detail { message, place: places, .. }) = self.detail() else { return false };
        let mut inner = places.as_deref();
        while let Some(text) = inner {
            if starts(text) {
                return true;
            }
            inner = text.split_once(": ").map(|(_, rest)| rest);
        }
        starts(message)
    }

    /// What to do about it, if known.
    #[must_use]
    pub fn remedy(&self) -> Option<&str> {
        self.detail()?.hint.as_deref()
    }

    /// What was found and what to do; `None` for a signal.
    pub(crate) fn detail(&self) -> Option<&Detail> {
        match self {
            Self::Stopped(_) => None,
            Self::Internal(d)
            | Self::Usage(d)
            | Self::Check(d)
            | Self::Input(d)
            | Self::Transient(d)
            | Self::Resource(d)
            | Self::Output(d)
            | Self::Changed(d) => Some(d),
        }
    }

    /// The process exit code, a row of [`EXIT_CODES`].
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Internal(_) => 1,
            Self::Usage(_) => 2,
            Self::Check(_) => 3,
            Self::Input(_) => 4,
            Self::Transient(_) => 5,
            Self::Resource(_) => 6,
            Self::Output(_) => 7,
            Self::Changed(_) => 8,
            Self::Stopped(code) => *code,
        }
    }

    /// The error of this crate among the sources of `cause`, or what an I/O error there says of the machine, if there
    /// is one.
    #[must_use]
    pub fn behind(cause: &(dyn std::error::Error + 'static)) -> Option<Self> {
        let mut next = Some(cause);
        while let Some(cause) = next {
            if let Some(error) = cause.downcast_ref::<Self>() {
                return Some(error.clone());
            }
            // The error inside an I/O error is not among its sources.
            let of_system = cause.downcast_ref::<std::io::Error>();
            if let Some(error) = of_system.and_then(Self::of_machine) {
                return Some(error);
            }
            next = match of_system.and_then(std::io::Error::get_ref) {
                Some(inner) => Some(inner),
                None => cause.source(),
            };
        }
        None
    }

    /// What a failed call says of the machine, whichever file it was for: too few open files or too little memory are
    /// allowed, or the server of the files has other ones by now.
    fn of_machine(cause: &std::io::Error) -> Option<Self> {
        // The numbers of ENOMEM, ENFILE and EMFILE on Linux and macOS.
        match cause.raw_os_error() {
            Some(12) if cfg!(unix) => Some(
                Self::resource(cause.to_string()).hint("allow the process more memory, or lower --threads"),
            ),
            Some(23 | 24) if cfg!(unix) => Some(
                Self::resource(cause.to_string())
                    .hint("allow more open files, as with ulimit -n 1024, or lower --threads"),
            ),
            _ if cause.kind() == std::io::ErrorKind::StaleNetworkFileHandle => {
                Some(Self::changed(cause.to_string()).hint("run again once nothing writes to the files"))
            }
            _ => None,
        }
    }

    /// An error of the file system while reading an input.
    #[must_use]
    pub fn reading(path: &Path, cause: &std::io::Error) -> Self {
        use std::io::ErrorKind as Kind;
        let path = path.display();
        if let Some(error) = Self::of_machine(cause) {
            return error.at(path);
        }
        match cause.kind() {
            Kind::NotFound => Self::input("no such file or folder")
                .at(path)
                .hint("check the path; relative paths of a spec start at the spec's folder"),
            Kind::PermissionDenied => {
                Self::input("permission denied").at(path).hint("make it readable for this user")
            }
            Kind::Interrupted | Kind::TimedOut | Kind::WouldBlock => {
                Self::transient(cause.to_string()).at(path)
            }
            _ => Self::input(cause.to_string()).at(path),
        }
    }

    /// An error of the file system while writing an output.
    #[must_use]
    pub fn writing(path: &Path, cause: &std::io::Error) -> Self {
        Self::writing_for("an --out", path, cause)
    }

    /// An error of the file system while writing what a flag or variable names, such as `a --state`.
    #[must_use]
    pub(crate) fn writing_for(named: &str, path: &Path, cause: &std::io::Error) -> Self {
        use std::io::ErrorKind as Kind;
        let path = path.display();
        if let Some(error) = Self::of_machine(cause) {
            return error.at(path);
        }
        match cause.kind() {
            Kind::StorageFull | Kind::QuotaExceeded | Kind::FileTooLarge => Self::resource(cause.to_string())
                .at(path)
                .hint(format!("free some space, or choose {named} with room")),
            Kind::PermissionDenied | Kind::ReadOnlyFilesystem | Kind::NotADirectory | Kind::AlreadyExists => {
                Self::output(cause.to_string())
                    .at(path)
                    .hint(format!("choose {named} that this user may write"))
            }
            _ => Self::output(cause.to_string())
                .at(path)
                .hint(format!("choose {named} in a folder where files can be written")),
        }
    }

    /// The error that ends a process with `code`.
    #[cfg(feature = "cluster")]
    pub(crate) fn of_exit_code(code: u8, message: String) -> Self {
        let detail = Detail { message, hint: None, place: None, overview: None, is_in_use: false };
        match code {
            2 => Self::Usage(detail),
            3 => Self::Check(detail),
            4 => Self::Input(detail),
            5 => Self::Transient(detail),
            6 => Self::Resource(detail),
            7 => Self::Output(detail),
            8 => Self::Changed(detail),
            130 | 143 => Self::Stopped(code),
            _ => Self::Internal(detail),
        }
    }

    fn detail_mut(&mut self) -> Option<&mut Detail> {
        match self {
            Self::Stopped(_) => None,
            Self::Internal(d)
            | Self::Usage(d)
            | Self::Check(d)
            | Self::Input(d)
            | Self::Transient(d)
            | Self::Resource(d)
            | Self::Output(d)
            | Self::Changed(d) => Some(d),
        }
    }
}

/// The value that `text` names among `choices`, each a name with its value.
///
/// # Errors
/// [`Error::Usage`] that names the flag and lists the choices.
pub(crate) fn choice<T: Copy>(flag: &str, text: &str, choices: &[(&str, T)]) -> Result<T> {
    if let Some((_, value)) = choices.iter().find(|(name, _)| *name == text) {
        return Ok(*value);
    }
    let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
    let names = match names.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
        _ => names.concat(),
    };
    Err(Error::usage(format!("\"{text}\" is not a choice")).at(flag).hint(format!("use {names}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_machine_lacks_is_no_fault_of_a_file() {
        for (number, code) in [(12, 6), (23, 6), (24, 6), (5, 4)] {
            let cause = std::io::Error::from_raw_os_error(number);
            let read = Error::reading(Path::new("in/a.parquet"), &cause);
            assert!(read.exit_code() == code && read.to_string().starts_with("in/a.parquet: "), "{read}");
            let wrapped = std::io::Error::other(cause);
            assert_eq!(Error::behind(&wrapped).map_or(4, |error| error.exit_code()), code, "{number}");
        }
        let stale = std::io::Error::from(std::io::ErrorKind::StaleNetworkFileHandle);
        assert_eq!(Error::reading(Path::new("a"), &stale).exit_code(), 8);
    }

    #[test]
    fn one_is_no_plural() {
        assert_eq!((plural(1, "shard"), plural(0, "shard")), ("1 shard".to_owned(), "0 shards".to_owned()));
        assert_eq!(there_are(1, "label"), "there is 1 label");
        assert_eq!(there_are(2, "label"), "there are 2 labels");
    }

    #[test]
    fn places_are_known_by_their_whole_names() {
        let error = Error::input("the shard is cut off").at("d/a b.parquet").at("--by");
        assert!(error.is_at("d/a b.parquet") && error.is_at("--by"));
        assert!(!error.is_at("d/a") && !error.is_at("b.parquet") && !error.is_at("the shard is"));
        assert!(Error::input("x: cut off").is_at("x") && !Error::input("not x: cut off").is_at("x"));
    }

    #[test]
    fn a_choice_that_does_not_exist_lists_those_that_do() {
        let choices = [("auto", 0), ("on", 1), ("off", 2)];
        assert_eq!(choice("--row-measures", "on", &choices).unwrap(), 1);
        let error = choice("--row-measures", "On", &choices).unwrap_err();
        assert_eq!(
            (error.exit_code(), error.to_string().as_str()),
            (2, "--row-measures: \"On\" is not a choice")
        );
        assert_eq!(error.remedy(), Some("use auto, on or off"));
    }
}
