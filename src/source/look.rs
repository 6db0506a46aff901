//! The columns of the shards and every way to read them as labels.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashSet};

use arrow::datatypes::{DataType, Schema};

use super::candidates::{AHEAD, Candidate, CandidateColumn, SURE};
use super::class_labels::class_names;
use super::column_names::{is_id_name, rank_of_name};
use super::evidence::{ColumnEvidence, gather};
use super::joined::{TextShape, shape_of};
use super::label_path::LabelPath;
use super::layout::{LayoutKind, innermost, is_label, is_number, is_text, item};
use super::shards::Shard;
use super::values::Domain;
use crate::error::{Error, Result, plural};

/// Readings that a question lists.
const CANDIDATES_SHOWN: usize = 8;
/// Columns that a sentence lists.
const COLUMNS_SHOWN: usize = 12;

/// What the flags already say.
#[derive(Debug)]
pub(crate) struct Given<'a> {
    /// `--layout`.
    pub kind: Option<LayoutKind>,
    /// `--labels`, resolved to columns; empty when not given.
    pub labels: Vec<String>,
    /// The map whose keys and values are `labels` and `value`.
    pub map: Option<&'a str>,
    /// `--id`.
    pub id: Option<&'a str>,
    /// `--value`.
    pub value: Option<&'a str>,
    /// `--delimiter`.
    pub delimiter: Option<&'a str>,
    /// Columns with another use: `--by`, `--sample-weight`.
    pub taken: Vec<&'a str>,
    /// What values mean.
    pub domain: &'a Domain,
    /// Labels whose values have a meaning of their own.
    pub label_domains: &'a BTreeMap<String, Domain>,
}

impl Given<'_> {
    /// Whether the one label column and the value column hold lists: labels with a value each.
    pub(super) fn names_pairs(&self, schema: &Schema) -> bool {
        let is_list =
            |name: &str| schema.field_with_name(name).is_ok_and(|field| item(field.data_type()).is_some());
        matches!(&self.labels[..], [only] if is_list(only)) && self.value.is_some_and(is_list)
    }
}

/// Columns and what their cells show.
pub(super) struct Look<'a> {
    schema: &'a Schema,
    given: &'a Given<'a>,
    found: BTreeMap<String, ColumnEvidence>,
    /// Number of class names in the footers, by column.
    classes: BTreeMap<String, usize>,
}

impl<'a> Look<'a> {
    /// Flags say all.
    pub(super) fn nothing(schema: &'a Schema, given: &'a Given<'a>) -> Self {
        Self { schema, given, found: BTreeMap::new(), classes: BTreeMap::new() }
    }

    pub(super) fn at(shards: &[Shard], schema: &'a Schema, given: &'a Given<'a>) -> Result<Self> {
        let wanted = |name: &str| {
            let named = given.labels.is_empty() || given.labels.iter().any(|label| label == name);
            named || is_id_name(name)
        };
        let found = gather(shards, schema, &wanted)?;
        let names = found.keys().filter_map(|name| {
            let classes = shards.iter().find_map(|shard| class_names(shard, name))?;
            Some((name.clone(), classes.len()))
        });
        Ok(Self { schema, given, classes: names.collect(), found })
    }

    fn domain(&self, name: &str) -> &Domain {
        self.given.label_domains.get(name).unwrap_or(self.given.domain)
    }

    /// The columns that may hold labels, in the order of the schema.
    fn columns(&self) -> impl Iterator<Item = CandidateColumn<'_>> {
        let Self { schema, given, found, classes } = self;
        let used = [given.id, given.value];
        let is_free = move |name: &str| !used.contains(&Some(name)) && !given.taken.contains(&name);
        let fields = schema.fields().iter().filter(move |field| {
            let is_named = given.labels.iter().any(|label| label == field.name());
            is_named || given.labels.is_empty() && is_free(field.name())
        });
        fields.filter_map(move |field| {
            let name = field.name();
            Some(CandidateColumn {
                field,
                evidence: found.get(name)?,
                domain: self.domain(name),
                classes: classes.get(name).copied(),
                is_named: !given.labels.is_empty(),
            })
        })
    }

    /// Every reading, the best first.
    pub(super) fn candidates(&self) -> Vec<Candidate> {
        let mut all = Vec::new();
        let wide = self.wide();
        let is_group = wide.len() > 1 && self.given.labels.is_empty();
        for column in self.columns() {
            if is_group && wide.iter().any(|name| name == column.name()) {
                continue;
            }
            all.extend(column.readings().into_iter().flat_map(|reading| self.or_long(reading)));
        }
        if is_group {
            all.push(self.wide_candidate(wide));
        }
        all.extend(self.maps());
        let is_list = |kind| matches!(kind, LayoutKind::List | LayoutKind::Vector | LayoutKind::Map);
        let lists = |c: &&mut Candidate| is_list(c.kind);
        // The one list of shards whose other columns do not say more.
        let mut only = all.iter_mut().filter(lists).filter(|candidate| candidate.points == 3);
        if let (Some(one), None) = (only.next(), only.next()) {
            one.points = 5;
        }
        all.sort_by_key(|candidate| Reverse(candidate.points));
        all
    }

    /// Columns that are maps of labels to values.
    fn maps(&self) -> impl Iterator<Item = Candidate> {
        let Self { schema, given, .. } = self;
        let is_free = |name: &str| given.labels.is_empty() && !given.taken.contains(&name);
        let fields = schema.fields().iter().filter(move |field| is_free(field.name()));
        fields.filter_map(|field| {
            let name = field.name();
            let DataType::Map(..) = field.data_type() else { return None };
            let (keys, values) = LabelPath::of_map(name, schema)?;
            let what = [&keys, &values].map(|path| item(path.data_type()).cloned().unwrap_or(DataType::Null));
            Some(Candidate {
                kind: LayoutKind::Map,
                labels: vec![name.clone()],
                id: None,
                delimiter: None,
                why: format!("{name:?} is a map of {} to {}, the labels and their values", what[0], what[1]),
                cells: Vec::new(),
                points: rank_of_name(name).points(9, 8, 3),
            })
        })
    }

    /// Columns that are one label each, with those of the same types in which all cells are NULL: a rare label
    /// may not be known in the rows looked at.
    fn wide(&self) -> Vec<String> {
        let scalar = |column: &CandidateColumn<'_>| {
            item(column.field.data_type()).is_none() && column.classes.is_none()
        };
        let sure: Vec<CandidateColumn<'_>> = self.columns().filter(|c| scalar(c) && c.is_cells()).collect();
        let names: HashSet<&str> = sure.iter().map(CandidateColumn::name).collect();
        let types: HashSet<_> = sure.iter().map(|column| column.field.data_type()).collect();
        let is_unknown = |column: &CandidateColumn<'_>| {
            scalar(column) && !column.evidence.has_values() && types.contains(column.field.data_type())
        };
        let columns = self.columns().filter(|c| names.contains(c.name()) || is_unknown(c));
        columns.map(|column| column.name().to_owned()).collect()
    }

    fn wide_candidate(&self, labels: Vec<String>) -> Candidate {
        let values =
            if self.given.domain.is_binary() { "only 0, 1 and nulls" } else { "only declared values" };
        let shown = if labels.len() <= COLUMNS_SHOWN {
            labels.join(", ")
        } else {
            format!("{} … {}", labels[0], labels[labels.len() - 1])
        };
        Candidate {
            kind: LayoutKind::Wide,
            why: format!(
                "{} {} {values}: {shown}",
                plural(labels.len() as u64, "column"),
                if labels.len() == 1 { "holds" } else { "hold" }
            ),
            cells: self.found.get(&labels[0]).map(|evidence| evidence.shown.clone()).unwrap_or_default(),
            labels,
            id: None,
            delimiter: None,
            points: 6,
        }
    }

    /// A column of classes beside a row id may be one half of layout `long`.
    fn or_long(&self, class: Candidate) -> Vec<Candidate> {
        let Ok(id) = self.id_column(&class.labels[0]) else { return vec![class] };
        if class.kind != LayoutKind::Class || class.points < SURE {
            return vec![class];
        }
        let long = |points: u32, why: String| Candidate {
            kind: LayoutKind::Long,
            id: Some(id.clone()),
            points,
            why,
            ..class.clone()
        };
        let name = &class.labels[0];
        if self.repeats(&id) {
            return vec![long(class.points, format!("row ids in {id:?} repeat, one row per (id, {name})"))];
        }
        if self.schema.fields().len() <= 3 {
            let why = format!("{name:?} is one of several rows per {id:?}");
            let long = long(class.points - 1, why);
            return vec![class, long];
        }
        vec![class]
    }

    /// Whether cells of the sample are equal.
    fn repeats(&self, name: &str) -> bool {
        self.found.get(name).is_some_and(|evidence| {
            let distinct = evidence.numbers().count().max(evidence.texts.len()) as u64;
            !evidence.is_full && distinct < evidence.cells
        })
    }

    fn id_column(&self, label: &str) -> Result<String> {
        let names = self.schema.fields().iter().map(|field| field.name().as_str());
        let ids: Vec<&str> = names
            .filter(|name| *name != label && is_id_name(name) && self.found.contains_key(*name))
            .collect();
        match ids[..] {
            [only] => Ok(only.to_owned()),
            [] => Err(Error::usage("which column is the row id of layout long? no column has such a name")
                .hint("name it with --id")),
            _ => Err(Error::usage(format!(
                "which column is the row id of layout long? found {}",
                ids.join(", ")
            ))
            .hint("name it with --id")),
        }
    }

    /// The reading that is far ahead.
    pub(super) fn decide(&self, candidates: &[Candidate]) -> Result<Candidate> {
        let Some(best) = candidates.first() else { return self.nothing_found() };
        let is_alone = candidates.get(1).is_none_or(|next| best.points >= next.points + AHEAD);
        if best.points >= SURE && is_alone {
            if best.kind == LayoutKind::Wide && self.given.labels.is_empty() {
                self.refuse_undeclared(&best.labels)?;
            }
            return Ok(best.clone());
        }
        let question = match &self.given.labels[..] {
            [name] => format!("how are labels stored in column {name:?}?"),
            _ => "which columns hold the labels?".to_owned(),
        };
        let count = match candidates.len() {
            1 => "one reading is possible, but not sure".to_owned(),
            n => format!("{n} readings are possible"),
        };
        Err(Error::usage(format!("{question} {count}")).hint(listed(candidates)))
    }

    fn nothing_found(&self) -> Result<Candidate> {
        if let [name] = &self.given.labels[..]
            && let Ok(field) = self.schema.field_with_name(name)
        {
            return Err(Error::input(format!(
                "column {name:?} is {}, which is not read as labels",
                field.data_type()
            ))
            .hint("name another column with --labels; posweight inspect shows every column"));
        }
        Err(Error::usage("which columns hold the labels? no column looks like labels").hint(
            "name them with --labels, and the layout with --layout; posweight inspect shows every column",
        ))
    }

    /// Asks about columns that differ from those in `labels` by one value that was not declared.
    fn refuse_undeclared(&self, labels: &[String]) -> Result<()> {
        let types: HashSet<_> =
            labels.iter().filter_map(|name| self.schema.field_with_name(name).ok()).collect();
        let odd = self.columns().filter(|column| !labels.iter().any(|label| label == column.name()));
        let odd = odd.filter(|c| types.iter().any(|field| field.data_type() == c.field.data_type()));
        let odd: Vec<_> =
            odd.filter_map(|column| Some((column.name().to_owned(), column.undeclared()?))).collect();
        let Some((name, value)) = odd.first() else { return Ok(()) };
        let names: Vec<&str> = odd.iter().map(|(name, _)| name.as_str()).take(COLUMNS_SHOWN).collect();
        Err(Error::usage(format!(
            "is column {name:?} a label? it holds {value}, which is not declared, beside 0 and 1, and {} {} only 0 \
             and 1",
            plural(labels.len() as u64, "column"),
            if labels.len() == 1 { "holds" } else { "hold" }
        ))
        .hint(format!(
            "declare it with --uncertain-values={value} or --missing-values={value}; or leave out {} with --labels {}",
            names.join(", "),
            labels.join(",")
        )))
    }

    /// What a layout that is known leaves open.
    pub(super) fn complete(&self, kind: LayoutKind, candidates: &[Candidate]) -> Result<Candidate> {
        let labels = self.columns_for(kind, candidates)?;
        let column = labels.first().cloned().unwrap_or_default();
        let id = match (kind, self.given.id) {
            (LayoutKind::Long, Some(id)) => Some(id.to_owned()),
            (LayoutKind::Long, None) => Some(self.id_column(&column)?),
            _ => None,
        };
        let delimiter = match (kind, self.given.delimiter) {
            (LayoutKind::Delimited, Some(by)) => Some(by.to_owned()),
            (LayoutKind::Delimited, None) => Some(self.delimiter(&column)?),
            _ => None,
        };
        let (why, cells) = (String::new(), Vec::new());
        Ok(Candidate { kind, labels, id, delimiter, why, cells, points: SURE })
    }

    /// The separator of a column of layout `delimited`.
    fn delimiter(&self, column: &str) -> Result<String> {
        let shape = self.found.get(column).map(|evidence| shape_of(&evidence.texts));
        match shape {
            Some(TextShape::Joined(by) | TextShape::Unclear(by)) => Ok(by.to_owned()),
            Some(TextShape::Structured(what)) => Err(Error::usage(format!(
                "what separates labels in {column:?}? its strings look like {what}"
            ))
            .hint("use --layout list for lists and --layout vector for one number per label, or name the separator with --delimiter")),
            Some(TextShape::Single) | None => Err(Error::usage(format!(
                "what separates labels in {column:?}? no string holds '|', ';' or ','"
            ))
            .hint("name the separator with --delimiter; --layout class takes each string as one label")),
        }
    }

    /// Label columns for a layout that is known.
    fn columns_for(&self, kind: LayoutKind, candidates: &[Candidate]) -> Result<Vec<String>> {
        if !self.given.labels.is_empty() {
            return Ok(self.given.labels.clone());
        }
        if kind == LayoutKind::Wide {
            let labels = self.wide();
            self.refuse_undeclared(&labels)?;
            return if labels.is_empty() { Err(which_columns(kind, &[])) } else { Ok(labels) };
        }
        let same = |one: LayoutKind| match kind {
            // One column of texts or integers in both.
            LayoutKind::Long | LayoutKind::Class => matches!(one, LayoutKind::Class | LayoutKind::Long),
            _ => one == kind,
        };
        let mut fitting: Vec<&Candidate> = candidates.iter().filter(|c| same(c.kind)).collect();
        fitting.sort_by_key(|candidate| Reverse(candidate.points));
        let names = self.fitting(kind);
        let is_ahead = |a: &Candidate, b: &Candidate| a.points >= b.points + AHEAD;
        match (&fitting[..], &names[..]) {
            ([one], _) => Ok(one.labels.clone()),
            ([one, next, ..], _) if one.points >= SURE && is_ahead(one, next) => Ok(one.labels.clone()),
            ([], [one]) => Ok(vec![(*one).to_owned()]),
            _ => Err(which_columns(kind, &names)),
        }
    }

    /// Columns whose type fits a layout.
    fn fitting(&self, kind: LayoutKind) -> Vec<&str> {
        let fits = |column: &CandidateColumn<'_>| {
            let data_type = column.field.data_type();
            match kind {
                LayoutKind::Wide => is_number(data_type),
                LayoutKind::Vector => item(data_type).is_some_and(is_number) || is_text(data_type),
                LayoutKind::List => {
                    item(data_type).is_some() && is_label(innermost(data_type)) || is_text(data_type)
                }
                LayoutKind::Bits => data_type.is_integer(),
                LayoutKind::Delimited => is_text(data_type),
                LayoutKind::Class | LayoutKind::Long => is_label(data_type),
                LayoutKind::Map => is_text(data_type) || matches!(data_type, DataType::Map(..)),
            }
        };
        self.columns().filter(fits).map(|column| column.field.name().as_str()).collect()
    }
}

/// The readings with their evidence, a sample of cells, and the flags that choose them.
#[must_use]
pub(crate) fn listed(candidates: &[Candidate]) -> String {
    let mut text = "choose one with its flags:".to_owned();
    for candidate in candidates.iter().take(CANDIDATES_SHOWN) {
        let cells = candidate.cells.join(", ");
        let cells = if cells.is_empty() { String::new() } else { format!("; cells: {cells}") };
        text.push_str(&format!("\n    {}\n        {}{cells}", candidate.flags(), candidate.why));
    }
    if candidates.len() > CANDIDATES_SHOWN {
        text.push_str(&format!(
            "\n    … and {} more: see posweight inspect",
            candidates.len() - CANDIDATES_SHOWN
        ));
    }
    text
}

fn which_columns(kind: LayoutKind, fitting: &[&str]) -> Error {
    let found = match fitting {
        [] => "no column fits".to_owned(),
        some => {
            let shown: Vec<&str> = some.iter().take(COLUMNS_SHOWN).copied().collect();
            let fit = if some.len() == 1 { "fits" } else { "fit" };
            format!("{} {fit}: {}", plural(some.len() as u64, "column"), shown.join(", "))
        }
    };
    Error::usage(format!("which column holds the labels of layout {kind}? {found}"))
        .hint("name it with --labels; posweight inspect shows every column")
}
