//! Which flags about labels and their values can act in which layout. One that cannot is refused: whoever gives it
//! believes that it does.

use super::spec::{Scalars, Spec, ValueSpec};
use crate::error::{Error, Result};
use crate::source::layout::LayoutKind;
use crate::source::layout::LayoutKind::{Bits, Class, Delimited, List, Long, Map, Vector, Wide};
use crate::source::values::Literal;

/// A flag that some layouts have no use for.
#[derive(Debug)]
pub(crate) struct LayoutFlag {
    name: &'static str,
    /// Whether a spec asks for something by it.
    is_given: fn(&Spec) -> bool,
    /// Where it acts; in layout `long`, flags about values act beside `--value`.
    layouts: &'static [LayoutKind],
    /// It says what values mean.
    is_of_values: bool,
}

const WITH_VALUES: &[LayoutKind] = &[Wide, Vector, Map, Long];
const WITH_TEXTS: &[LayoutKind] = &[Wide, Vector, List, Delimited, Class, Long, Map];

/// Flags that act in every layout, such as `--missing-values`, are not among them; `--null-as` depends on its value.
const LAYOUT_FLAGS: [LayoutFlag; 11] = [
    of_values("--positive-values", |spec| has_sides(spec.values.positive_values.as_ref())),
    of_values("--negative-values", |spec| has_sides(spec.values.negative_values.as_ref())),
    of_values("--uncertain-values", |spec| has_sides(spec.values.uncertain_values.as_ref())),
    of_values("--uncertain-as", |spec| spec.values.uncertain_as.is_some()),
    of_values("--threshold", |spec| spec.values.threshold.is_some()),
    of_values("--soft", |spec| spec.values.soft == Some(true)),
    plain("--trim", |spec| spec.values.trim == Some(true), WITH_TEXTS),
    plain("--ignore-case", |spec| spec.values.ignore_case == Some(true), WITH_TEXTS),
    plain("--num-rows", |spec| spec.num_rows.is_some(), &[Long]),
    plain("--ids-disjoint", |spec| spec.ids_disjoint == Some(true), &[Long]),
    plain(
        "--label-kind",
        |spec| spec.label_kind.as_deref() == Some("name"),
        &[List, Delimited, Class, Long, Map],
    ),
];

const fn of_values(name: &'static str, is_given: fn(&Spec) -> bool) -> LayoutFlag {
    LayoutFlag { name, is_given, layouts: WITH_VALUES, is_of_values: true }
}

const fn plain(
    name: &'static str,
    is_given: fn(&Spec) -> bool,
    layouts: &'static [LayoutKind],
) -> LayoutFlag {
    LayoutFlag { name, is_given, layouts, is_of_values: false }
}

/// NULL among the values of a side says what `--null-as` says.
fn has_sides(values: Option<&Scalars>) -> bool {
    values.is_some_and(|values| values.texts().iter().any(|text| !Literal::new(text).is_null()))
}

/// Those that a spec gives.
pub(super) fn given(spec: &Spec) -> Vec<&'static LayoutFlag> {
    LAYOUT_FLAGS.iter().filter(|flag| (flag.is_given)(spec)).collect()
}

/// Refuses the flags that cannot act in layout `kind`, whose labels may have a column of values.
///
/// # Errors
/// [`Error::Usage`] naming the flag, where it acts and what to do instead.
pub(super) fn check_flags(flags: &[&LayoutFlag], kind: LayoutKind, has_value: bool) -> Result<()> {
    let is_idle = |flag: &&&LayoutFlag| {
        !flag.layouts.contains(&kind) || flag.is_of_values && kind == Long && !has_value
    };
    flags.iter().find(is_idle).map_or(Ok(()), |flag| Err(flag.refused(kind)))
}

/// Refuses `--uncertain-as` where no value is declared uncertain.
///
/// # Errors
/// [`Error::Usage`].
pub(super) fn check_uncertain(values: &[&ValueSpec]) -> Result<()> {
    let mut as_side = values.iter().filter_map(|values| values.uncertain_as.as_ref());
    match as_side.next() {
        Some(side) if !values.iter().any(|values| values.uncertain_values.is_some()) => {
            Err(Error::usage(format!("--uncertain-as {side}: no value is declared uncertain"))
                .hint("declare the values with --uncertain-values, or drop --uncertain-as"))
        }
        _ => Ok(()),
    }
}

impl LayoutFlag {
    fn refused(&self, kind: LayoutKind) -> Error {
        let why = match kind {
            Class => "each cell is the name or the index of a label",
            List | Delimited => "each cell holds names or indices of labels",
            Long if self.is_of_values => "its pairs have values only in a column that --value names",
            Bits => "each label is a bit of an integer",
            _ => return self.of_other(kind),
        };
        let todo = match (self.name, kind) {
            (_, Long) => "name the column of values with --value COLUMN".to_owned(),
            ("--positive-values" | "--negative-values", _) => format!("drop {}", self.name),
            ("--threshold" | "--soft", _) => {
                format!("drop {}, or name columns of numbers with --labels and --layout wide", self.name)
            }
            ("--uncertain-values" | "--uncertain-as", _) => {
                "if such cells say nothing, use --missing-values, or leave their rows out with --where"
                    .to_owned()
            }
            _ => return self.of_other(kind),
        };
        self.error(kind, why).hint(format!("it acts in {}; {todo}", self.places()))
    }

    /// The refusal of a flag that says nothing about values.
    fn of_other(&self, kind: LayoutKind) -> Error {
        let why = match (self.name, kind) {
            ("--label-kind", Bits) => "a bit has a number, no name",
            ("--label-kind", _) => "a label is a column or a place in a list",
            ("--trim" | "--ignore-case", _) => "integers have no spelling",
            _ => "each row of the shards is one row",
        };
        let or =
            if self.name == "--label-kind" { ", and name the labels with --vocabulary FILE" } else { "" };
        self.error(kind, why).hint(format!("it acts in {}; drop {}{or}", self.places(), self.name))
    }

    fn error(&self, kind: LayoutKind, why: &str) -> Error {
        Error::usage(format!("{} has no effect in layout {kind}: {why}", self.name))
    }

    fn places(&self) -> String {
        let names: Vec<String> = self
            .layouts
            .iter()
            .map(|kind| match kind {
                Long if self.is_of_values => "long with --value".to_owned(),
                kind => kind.to_string(),
            })
            .collect();
        match &names[..] {
            [first @ .., last] if !first.is_empty() => format!("layouts {} and {last}", first.join(", ")),
            _ => format!("layout {}", names.join("")),
        }
    }
}
