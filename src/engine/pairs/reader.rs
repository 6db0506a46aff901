//! Rows of pairs become ids with group, label and side.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::datatypes::UInt32Type;

use crate::counts::Cell;
use crate::engine::counting::Counting;
use crate::engine::group_key::GroupKey;
use crate::engine::naming::with_row;
use crate::engine::pairs::ids::ids;
use crate::engine::pairs::names::LocalNumbers;
use crate::engine::pairs::record::{NO_LABEL, PairFact, PairMass, SIDES};
use crate::engine::plain::visit::visit;
use crate::engine::read::by_group::texts;
use crate::engine::read::weights::weights;
use crate::error::{Error, Result};
use crate::source::shards::Shard;
use crate::source::values::Value;

/// UnknownLabels labels that are remembered.
const UNKNOWN_MAX: usize = 100;

/// What is wrong with labels, each with the first shard that has such.
pub(crate) type UnknownLabels = BTreeMap<String, u32>;

/// Reads batches of `[id, label, value?, weight?, by…, shard]`.
#[derive(Debug)]
pub(crate) struct PairReader {
    counting: Arc<Counting>,
    shards: Arc<[Shard]>,
    names: LocalNumbers,
    /// The ancestors of the labels met so far; empty without a hierarchy.
    above: HashMap<u32, Box<[u32]>>,
    pub(crate) unknown: UnknownLabels,
}

/// The rows of a batch, and one more for each ancestor of the label of a row.
#[derive(Debug, Default)]
pub(crate) struct PairRows<'a> {
    pub(crate) ids: Vec<u128>,
    /// Group, label and side of each.
    pub(crate) said: Vec<PairFact>,
    /// The mass of each; empty unless such are counted.
    pub(super) masses: Vec<PairMass>,
    /// The shard of each.
    pub(super) shards: Cow<'a, [u32]>,
    /// The row of the batch that each is from; empty where each row is one.
    origins: Vec<u64>,
}

impl PairRows<'_> {
    /// The row of the batch that number `at` is from.
    pub(super) fn origin(&self, at: usize) -> u64 {
        self.origins.get(at).copied().unwrap_or(at as u64)
    }
}

impl PairReader {
    pub(crate) fn new(counting: Arc<Counting>, shards: Arc<[Shard]>, names: LocalNumbers) -> Self {
        Self { counting, shards, names, above: HashMap::new(), unknown: BTreeMap::new() }
    }

    pub(crate) fn read<'a>(&mut self, batch: &'a RecordBatch) -> Result<PairRows<'a>> {
        let columns = batch.columns();
        let first_by = columns.len() - 1 - self.counting.by.len();
        let shards = batch.column(columns.len() - 1).as_primitive::<UInt32Type>().values();
        let Some(ids) = ids(&columns[0])? else { return Err(self.null_id()) };
        let groups = self.groups(&columns[first_by..columns.len() - 1], batch.num_rows())?;
        let labels = self.labels(&columns[1], shards)?;
        let values = match &self.counting.layout.value {
            Some(name) => Some(self.sides(name, &columns[2], shards)?),
            None => None,
        };
        let weighed = self.counting.sample_weight.as_ref();
        let weights = weighed.map(|name| weights(name, &columns[first_by - 1])).transpose()?;
        let masses = (0..if self.counting.has_mass() { batch.num_rows() } else { 0 }).map(|row| {
            let target = values.as_ref().map_or(1.0, |(_, targets)| targets[row]);
            PairMass::new(target, weights.map_or(1.0, |weights| weights.value(row)))
        });
        let said = labels.into_iter().enumerate().map(|(row, label)| {
            let group = groups.as_ref().map_or(0, |groups| groups[row]);
            PairFact::new(group, label, values.as_ref().map_or(LISTED, |(sides, _)| sides[row]))
        });
        let (said, masses, origins) = (said.collect(), masses.collect(), Vec::new());
        let rows = PairRows { ids, said, masses, shards: Cow::Borrowed(shards), origins };
        Ok(if self.has_ancestors() { self.with_ancestors(&rows) } else { rows })
    }

    /// Whether labels come with others.
    pub(super) fn has_ancestors(&self) -> bool {
        self.counting.ancestors.is_some()
    }

    /// Calls `each` with what a row says, and with what follows from it for the ancestors of its label.
    pub(super) fn with_above(&self, said: PairFact, mut each: impl FnMut(PairFact)) {
        each(said);
        let label = said.label().and_then(|label| u32::try_from(label).ok());
        if let Some(above) =
            label.filter(|_| said.cell() == Cell::Positive).and_then(|at| self.above.get(&at))
        {
            above.iter().for_each(|label| each(said.of_label(*label)));
        }
    }

    /// The rows, each with those of its ancestors behind it.
    fn with_ancestors<'a>(&self, rows: &PairRows<'_>) -> PairRows<'a> {
        let (mut all, mut shards) = (PairRows::default(), Vec::new());
        for (row, &said) in rows.said.iter().enumerate() {
            self.with_above(said, |said| {
                all.ids.push(rows.ids[row]);
                all.said.push(said);
                all.masses.extend(rows.masses.get(row));
                all.origins.push(row as u64);
                shards.push(rows.shards[row]);
            });
        }
        PairRows { shards: Cow::Owned(shards), ..all }
    }

    fn groups(&mut self, by: &[ArrayRef], rows: usize) -> Result<Option<Vec<u32>>> {
        if by.is_empty() {
            self.names.group(&Vec::new())?;
            return Ok(None);
        }
        let texts = by.iter().map(texts).collect::<Result<Vec<_>>>()?;
        let value = |column: usize, row: usize| texts[column].is_valid(row).then(|| texts[column].value(row));
        let mut groups = Vec::with_capacity(rows);
        let mut last: Option<(usize, u32)> = None;
        for row in 0..rows {
            // Rows of one group are mostly neighbours.
            let same = |before: usize| (0..texts.len()).all(|i| value(i, row) == value(i, before));
            let group = match last {
                Some((before, group)) if same(before) => group,
                _ => {
                    let key: GroupKey = (0..texts.len()).map(|i| value(i, row).map(str::to_owned)).collect();
                    self.names.group(&key)?
                }
            };
            last = Some((row, group));
            groups.push(group);
        }
        Ok(Some(groups))
    }

    fn labels(&mut self, array: &ArrayRef, shards: &[u32]) -> Result<Vec<u32>> {
        let mut labels = Vec::with_capacity(array.len());
        visit(array, |row, value| labels.push(self.label(value, shards[row])))?;
        Ok(labels)
    }

    /// Fetches what is known of texts that are read as labels next.
    pub(super) fn fetch<'t>(&self, texts: impl Iterator<Item = &'t [u8]>) {
        self.names.fetch(texts);
    }

    /// The number of a label of `shard`; [`NO_LABEL`] where there is none.
    pub(super) fn label(&mut self, value: Option<Value<'_>>, shard: u32) -> u32 {
        match value.filter(|value| !self.counting.is_no_label(value)) {
            None => NO_LABEL,
            Some(value) => self.known_label(&value).unwrap_or_else(|what| self.stray(what, shard)),
        }
    }

    /// The number of a label whose ancestors are known, or what is wrong with one of them.
    fn known_label(&mut self, value: &Value<'_>) -> std::result::Result<u32, String> {
        let label = self.names.label(value)?;
        if let Some(ancestors) = &self.counting.ancestors
            && !self.above.contains_key(&label)
        {
            let above = self.names.above(label, value, ancestors)?;
            self.above.insert(label, above);
        }
        Ok(label)
    }

    /// Notes what is wrong with a label.
    pub(super) fn stray(&mut self, what: String, shard: u32) -> u32 {
        if self.unknown.len() < UNKNOWN_MAX || self.unknown.contains_key(&what) {
            let first = self.unknown.entry(what).or_insert(shard);
            *first = shard.min(*first);
        }
        NO_LABEL
    }

    /// The number of a group.
    pub(super) fn group(&mut self, key: &GroupKey) -> Result<u32> {
        self.names.group(key)
    }

    /// The side of every row's value, and its target.
    fn sides(&self, name: &str, array: &ArrayRef, shards: &[u32]) -> Result<(Vec<u8>, Vec<f64>)> {
        let domain = &self.counting.domain;
        let (mut sides, mut targets) = (Vec::with_capacity(array.len()), Vec::with_capacity(array.len()));
        let mut stray = None;
        visit(array, |row, value| {
            let (cell, target) = domain.target_of(value.as_ref());
            sides.push(side(cell));
            targets.push(target);
            if let (Cell::Invalid, Some(value), None) = (cell, value, &stray) {
                stray = Some((value.to_string(), shards[row]));
            }
        })?;
        let Some((value, shard)) = stray else { return Ok((sides, targets)) };
        let shard = self.shards.get(shard as usize).map(|shard| shard.name.clone()).unwrap_or_default();
        Err(no_side(&value).at(format!("{shard}: column {name:?}")))
    }

    pub(super) fn null_id(&self) -> Error {
        let id = self.counting.layout.id.as_deref().unwrap_or_default();
        Error::input(format!("row id column {id:?} holds NULL")).hint(format!(
            "every row of layout long needs an id; or leave rows out: --where '{id} IS NOT NULL'"
        ))
    }
}

/// The error for unknown labels.
pub(crate) fn refuse(counting: &Counting, shards: &[Shard], unknown: UnknownLabels) -> Result<()> {
    let column = counting.layout.column();
    let errors = unknown.into_iter().map(|(what, shard)| {
        let whole = shards.get(shard as usize);
        let shard = whole.map(|shard| shard.name.clone()).unwrap_or_default();
        Error::input(format!("{shard}: column {column:?}: {}", with_row(whole, column, &what)))
    });
    match Error::together(errors.collect(), "labels") {
        Some(error) => Err(error.hint("correct the data, the --vocabulary or --num-labels")),
        None => Ok(()),
    }
}

/// The side of a pair that is listed without a value.
pub(super) const LISTED: u8 = 3;

/// The number of a side; that of missing for what is on none.
pub(crate) fn side(cell: Cell) -> u8 {
    (0..).zip(SIDES).find(|(_, side)| *side == cell).map_or(0, |(number, _)| number)
}

/// The error for a value that is on no side.
pub(super) fn no_side(value: &str) -> Error {
    Error::input(format!("value {value} is neither positive nor negative")).hint(
        "declare it with --positive-values, --negative-values, --missing-values or --uncertain-values, \
         or read numbers with --threshold or --soft",
    )
}
