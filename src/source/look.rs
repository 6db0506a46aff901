//! The columns of the shards and every way to read them as labels.

use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashSet};

use arrow::datatypes::{DataType, Field, Schema};

use super::candidates::{AHEAD, Candidate, CandidateColumn, SURE};
use super::class_labels::class_names;
use super::column_names::{is_index_name, rank_of_name, says_of_pairs};
use super::declarations::ways;
use super::evidence::{ColumnEvidence, gather_and};
use super::folder_types::classes_of_folders;
use super::joined::{BLANK, TextShape, shape_of};
use super::label_path::{LabelPath, map_ends, paths};
use super::layout::{LayoutKind, innermost, is_label, is_number, is_text, item};
use super::list_readings::lists_of_lists;
use super::offers::which_columns;
use super::plain_folders::plain_folders;
use super::rows_beside::RowsBeside;
use super::shards::{Shard, rows_of};
use super::values::Domain;
use super::where_tests::WhereTests;
use crate::error::{Error, Result};

/// Columns inside other columns that are looked at.
const NESTED_MAX: usize = 64;

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
    /// `--where`.
    pub condition: Option<&'a str>,
    /// Flags say whether whole numbers are indices, or which there are: `--label-kind`, `--num-labels`, `--vocabulary`.
    pub are_keys_said: bool,
    /// `--unit element`.
    pub is_unit_said: bool,
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
    pub(super) schema: &'a Schema,
    pub(super) given: &'a Given<'a>,
    pub(super) found: BTreeMap<String, ColumnEvidence>,
    /// Number of class names in the footers, by column.
    pub(super) classes: BTreeMap<String, usize>,
    /// Columns inside other columns.
    pub(super) nested: Vec<Field>,
    /// Keys of folders that may be classes, with their values.
    pub(super) folders: BTreeMap<String, BTreeSet<String>>,
    /// Folders side by side without keys, which may be the labels of the shards inside.
    pub(super) plain_folders: Vec<String>,
    /// Rows of all shards.
    pub(super) rows: u64,
    /// What rows say of several columns.
    pub(super) beside: RowsBeside,
    /// Columns that the condition tests.
    pub(super) tests: WhereTests,
    /// Columns that were the index of a frame of pandas.
    indices: Vec<String>,
}

/// The names of columns that were the index of a frame, as pandas writes them into the footer.
fn pandas_indices(shard: &Shard) -> Vec<String> {
    let entry =
        shard.key_value("pandas").and_then(|entry| serde_json::from_str::<serde_json::Value>(entry).ok());
    let names = entry.as_ref().and_then(|entry| entry.get("index_columns")?.as_array());
    names.into_iter().flatten().filter_map(|name| name.as_str().map(str::to_owned)).collect()
}

impl<'a> Look<'a> {
    /// Flags say all.
    pub(super) fn nothing(schema: &'a Schema, given: &'a Given<'a>) -> Self {
        Self {
            schema,
            given,
            found: BTreeMap::new(),
            classes: BTreeMap::new(),
            nested: Vec::new(),
            folders: BTreeMap::new(),
            plain_folders: Vec::new(),
            rows: 0,
            beside: RowsBeside::default(),
            tests: WhereTests::default(),
            indices: Vec::new(),
        }
    }

    pub(super) fn at(shards: &[Shard], schema: &'a Schema, given: &'a Given<'a>) -> Result<Self> {
        let mut inside = if given.labels.is_empty() { paths(schema) } else { Vec::new() };
        inside.truncate(NESTED_MAX);
        let inside = inside.into_iter().filter_map(|name| {
            let path = LabelPath::find(&name, schema)?;
            Some(Field::new(name, path.data_type().clone(), true))
        });
        let nested: Vec<Field> = inside.collect();
        let mut shards = Cow::Borrowed(shards);
        if !nested.is_empty() {
            let names = || nested.iter().map(|field| field.name().as_str());
            shards = shards.iter().map(|shard| shard.clone().with_nested(names())).collect();
        }
        let whole = schema.fields().iter().map(|field| field.as_ref().clone());
        let all = Schema::new(whole.chain(nested.iter().cloned()).collect::<Vec<_>>());
        let wanted = |name: &str| {
            let named = given.labels.is_empty() || given.labels.iter().any(|label| label == name);
            let is_simple = all.field_with_name(name).is_ok_and(|field| {
                let data_type = field.data_type();
                !item(data_type).unwrap_or(data_type).is_nested()
            });
            is_simple && (named || given.labels.len() == 1 && says_of_pairs(name, schema.fields().len()))
        };
        let mut beside = RowsBeside::default();
        let found = gather_and(&shards, &all, &wanted, &mut |batch| beside.add(batch))?;
        let names = found.keys().filter_map(|name| {
            let classes = shards.iter().find_map(|shard| class_names(shard, name))?;
            Some((name.clone(), classes.len()))
        });
        let classes = names.collect();
        let folders = classes_of_folders(&shards, schema);
        let is_column = |name: &str| schema.field_with_name(name).is_ok();
        let tests =
            given.condition.map(|condition| WhereTests::of(condition, &is_column)).unwrap_or_default();
        let rows = rows_of(&shards);
        let indices = shards.first().map_or_else(Vec::new, pandas_indices);
        let plain_folders = plain_folders(&shards);
        let mut look = Self {
            schema,
            given,
            found,
            classes,
            nested,
            folders,
            plain_folders,
            rows,
            beside,
            tests,
            indices,
        };
        if !look.tests.fixed.is_empty() && look.candidates().is_empty() {
            // Nothing else may be a label.
            look.tests.fixed.clear();
        }
        Ok(look)
    }

    pub(super) fn domain(&self, name: &str) -> &Domain {
        self.given.label_domains.get(name).unwrap_or(self.given.domain)
    }

    /// The columns that may hold labels, in the order of the schema.
    pub(super) fn columns(&self) -> impl Iterator<Item = CandidateColumn<'_>> {
        self.free_fields().filter_map(move |field| self.column(field))
    }

    /// The fields without another use, or those that are named.
    pub(super) fn free_fields(&self) -> impl Iterator<Item = &Field> {
        let Self { schema, given, tests, indices, .. } = self;
        let used = [given.id, given.value];
        let is_free = move |name: &str| {
            let is_taken = given.taken.contains(&name) || tests.fixed.iter().any(|fixed| fixed == name);
            let is_index = is_index_name(name) || indices.iter().any(|index| index == name);
            !used.contains(&Some(name)) && !is_taken && !is_index
        };
        schema.fields().iter().map(AsRef::as_ref).filter(move |field: &&Field| {
            let is_named = given.labels.iter().any(|label| label == field.name());
            is_named || given.labels.is_empty() && is_free(field.name())
        })
    }

    /// A column with what is known of it.
    pub(super) fn column<'c>(&'c self, field: &'c Field) -> Option<CandidateColumn<'c>> {
        let name = field.name();
        Some(CandidateColumn {
            field,
            evidence: self.found.get(name)?,
            domain: self.domain(name),
            classes: self.classes.get(name).copied(),
            is_named: self.given.labels.iter().any(|label| label == name),
            are_keys_said: self.given.are_keys_said,
        })
    }

    /// Every reading, the best first.
    pub(super) fn candidates(&self) -> Vec<Candidate> {
        let is_open = self.given.labels.is_empty();
        let wide = self.wide();
        let near = self.near(&wide);
        let is_group = wide.len() > 1 && is_open;
        let together: HashSet<&str> = wide.iter().map(String::as_str).collect();
        let is_in_group = is_group || is_open && !near.is_empty();
        let mut all = self.declared_readings(&wide, &near);
        let mut last = Vec::new();
        for column in self.columns() {
            let is_near = near.iter().any(|(name, _)| name == column.name());
            if is_near {
                // That its few values are classes is the last thing to think of.
                let signs = near.iter().any(|(name, codes)| name == column.name() && codes.is_signs());
                let is_class = |reading: &Candidate| reading.kind != LayoutKind::Wide && !signs;
                let readings = column.readings().into_iter().filter(is_class);
                last.extend(readings.map(|reading| Candidate { points: 0, ..reading }));
            } else if !(is_in_group && together.contains(column.name())) {
                all.extend(column.readings().into_iter().flat_map(|one| self.or_long_with_ids(one)));
            }
        }
        if near.is_empty() && is_group {
            all.extend(self.wide_readings(wide.clone()));
        }
        all.extend(self.maps());
        all.extend(self.free_fields().flat_map(lists_of_lists));
        let is_list = |kind| matches!(kind, LayoutKind::List | LayoutKind::Vector | LayoutKind::Map);
        let lists = |c: &&mut Candidate| is_list(c.kind);
        // The one list of shards whose other columns do not say more.
        let mut only = all.iter_mut().filter(lists).filter(|candidate| candidate.points == 3);
        if let (Some(one), None) = (only.next(), only.next()) {
            one.points = 5;
        }
        all.extend(self.soft_readings());
        all.extend(self.marked_readings());
        all.extend(self.decimal_readings());
        all.extend(self.one_two_readings());
        all.extend(self.count_readings());
        all.extend(self.nested_readings());
        self.raise_rivals(&mut all);
        self.doubt_lists(&mut all);
        if is_open && self.given.kind.is_none() {
            self.doubt_beside_structs(&mut all);
            self.doubt_masked(&mut all);
            self.add_repeated(&mut all);
            // What is doubted above is not what others are raised to.
            self.raise_named(&mut all);
            self.raise_versions(&mut all);
            self.raise_targets(&mut all);
            self.add_accepted(&mut all);
        }
        all.sort_by_key(|candidate| Reverse(candidate.points));
        for (place, heads) in self.heads(&all) {
            all.insert(place, heads);
        }
        // In front of those that are as likely stand columns.
        all.extend(self.folder_readings());
        all.sort_by_key(|candidate| Reverse(candidate.points));
        all.extend(last);
        all
    }

    /// Columns that are maps of labels to values, with the flags that give all their values a side.
    fn maps(&self) -> impl Iterator<Item = Candidate> {
        let Self { schema, given, .. } = self;
        let is_free = |name: &str| given.labels.is_empty() && !given.taken.contains(&name);
        let fields = schema.fields().iter().filter(move |field| is_free(field.name()));
        let maps = fields.filter_map(|field| {
            let name = field.name();
            let DataType::Map(..) = field.data_type() else { return None };
            let (keys, values) = LabelPath::of_map(name, schema)?;
            let what = [&keys, &values].map(|path| item(path.data_type()).cloned().unwrap_or(DataType::Null));
            let why = format!("{name:?} is a map of {} to {}, the labels and their values", what[0], what[1]);
            let [_, values] = map_ends(name).map(|end| self.found.get(&end));
            let ways = values.map_or_else(|| vec![Vec::new()], |values| ways(values, given.domain));
            let points = rank_of_name(name).points(9, 8, 3);
            let is_empty = self.found.get(&map_ends(name)[0]).is_some_and(|keys| !keys.has_values());
            let plain = Candidate::plain(LayoutKind::Map, vec![name.clone()], points, why);
            let plain = Candidate { is_empty, ..plain };
            Some(ways.into_iter().map(move |more| Candidate { more, ..plain.clone() }))
        });
        maps.flatten()
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
        if let Some(id) = &id {
            self.ask_for_value(id, &column)?;
        }
        let delimiter = match (kind, self.given.delimiter) {
            (LayoutKind::Delimited, Some(by)) => Some(by.to_owned()),
            (LayoutKind::Delimited, None) => Some(self.delimiter(&column)?),
            _ => None,
        };
        Ok(Candidate { id, delimiter, ..Candidate::plain(kind, labels, SURE, String::new()) })
    }

    /// The separator of a column of layout `delimited`.
    fn delimiter(&self, column: &str) -> Result<String> {
        let shape = self.found.get(column).map(|evidence| shape_of(&evidence.texts));
        match shape {
            Some(TextShape::Unclear(BLANK)) => {
                Err(Error::usage(format!("what separates labels in {column:?}? its strings may be split at blanks"))
                    .hint("say so with --delimiter ' '; --layout class takes each string as one label"))
            }
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
            self.refuse_undeclared(&labels, candidates)?;
            self.refuse_empty(&labels, candidates)?;
            return if labels.is_empty() {
                Err(which_columns(kind, &self.fitting(kind)))
            } else {
                Ok(labels)
            };
        }
        let same = |one: LayoutKind| match kind {
            // One column of texts or integers in both.
            LayoutKind::Long | LayoutKind::Class => matches!(one, LayoutKind::Class | LayoutKind::Long),
            _ => one == kind,
        };
        let is_own = |candidate: &Candidate| match &candidate.labels[..] {
            [only] => self.schema.field_with_name(only).is_ok(),
            _ => false,
        };
        // The row id of pairs is none of their labels.
        let id = self.given.id.map(str::to_owned).or_else(|| self.id_column("").ok());
        let is_id =
            |one: &Candidate| kind == LayoutKind::Long && id.as_ref().is_some_and(|id| one.labels[0] == *id);
        let mut fitting: Vec<&Candidate> =
            candidates.iter().filter(|one| same(one.kind) && is_own(one) && !is_id(one)).collect();
        fitting.sort_by_key(|candidate| Reverse(candidate.points));
        // Of several readings of a column, the best counts.
        let mut seen: Vec<&str> = Vec::new();
        fitting.retain(|candidate| {
            let is_new = !seen.contains(&candidate.labels[0].as_str());
            seen.push(&candidate.labels[0]);
            is_new
        });
        let names = self.fitting(kind);
        let is_ahead = |a: &Candidate, b: &Candidate| a.points >= b.points + AHEAD;
        let is_inside = |name: &str| self.nested.iter().any(|field| field.name() == name);
        match (&fitting[..], &names[..]) {
            ([one], _) => Ok(one.labels.clone()),
            ([one, next, ..], _) if one.points >= SURE && is_ahead(one, next) => Ok(one.labels.clone()),
            ([], [one]) if !is_inside(one) => Ok(vec![(*one).to_owned()]),
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
        let inside = self.nested.iter().filter_map(|field| self.column(field));
        self.columns().chain(inside).filter(fits).map(|column| column.field.name().as_str()).collect()
    }
}
