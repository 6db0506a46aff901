//! Partial counts: what a scan gives and what is merged into [`LabelCounts`](crate::counts::LabelCounts).
//!
//! ```text
//! by_0 … │ shard │ label_index │ label │ positives negatives uncertain missing invalid │ masses │ skipped │ example
//! ───────┼───────┼─────────────┼───────┼──────────────────────────────────────────────┼────────┼─────────┼────────
//!  train │       │           3 │       │        12       988         0       0       0 │   0  0 │       0 │         one label
//!  train │       │             │       │      2100      1000         0       4       0 │   0  0 │       0 │         the group: 1004 rows, 4 say nothing, lists name 2100 labels
//!        │     2 │           3 │       │         0         0         0       0       7 │   0  0 │       0 │ "2"     seven strange values
//! ```

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, Decimal128Array, Decimal128Builder, RecordBatch, StringArray, StringBuilder,
    UInt32Builder, UInt64Array, UInt64Builder, new_null_array,
};
use arrow::datatypes::{DataType, Decimal128Type, Field, Schema, SchemaRef, UInt32Type, UInt64Type};

use crate::counts::{Mass, MassTally, Tally};
use crate::error::{Error, Result};

/// Rows per batch.
const BATCH_ROWS: usize = 8192;

/// The columns of partial counts with `n_by` group columns.
pub(crate) fn schema(n_by: usize) -> SchemaRef {
    let count = |name: &str| Field::new(name, DataType::UInt64, false);
    let mass = |name: &str| Field::new(name, DataType::Decimal128(38, 18), false);
    let mut fields: Vec<_> = (0..n_by).map(|i| Field::new(by_name(i), DataType::Utf8, true)).collect();
    fields.extend([
        Field::new("shard", DataType::UInt32, true),
        Field::new("label_index", DataType::UInt64, true),
        Field::new("label", DataType::Utf8, true),
        count("positives"),
        count("negatives"),
        count("uncertain"),
        count("missing"),
        count("invalid"),
        mass("positives_mass"),
        mass("negatives_mass"),
        count("skipped"),
        Field::new("example", DataType::Utf8, true),
    ]);
    Arc::new(Schema::new(fields))
}

/// The name of group column `i`.
pub(crate) fn by_name(i: usize) -> String {
    format!("by_{i}")
}

/// One row of partial counts.
#[derive(Debug, Default)]
pub(crate) struct PartialRow<'a> {
    pub(crate) by: &'a [Option<String>],
    pub(crate) shard: Option<u32>,
    pub(crate) index: Option<u64>,
    pub(crate) name: Option<&'a str>,
    pub(crate) tally: Tally,
    pub(crate) mass: MassTally,
    pub(crate) skipped: u64,
    pub(crate) example: Option<&'a str>,
}

/// Collects partial counts into batches.
#[derive(Debug)]
pub(crate) struct Partials {
    schema: SchemaRef,
    by: Vec<StringBuilder>,
    shard: UInt32Builder,
    index: UInt64Builder,
    name: StringBuilder,
    counts: [UInt64Builder; 5],
    masses: [Decimal128Builder; 2],
    skipped: UInt64Builder,
    example: StringBuilder,
    rows: usize,
    done: Vec<RecordBatch>,
}

impl Partials {
    pub(crate) fn new(n_by: usize) -> Self {
        Self {
            schema: schema(n_by),
            by: (0..n_by).map(|_| StringBuilder::new()).collect(),
            shard: UInt32Builder::new(),
            index: UInt64Builder::new(),
            name: StringBuilder::new(),
            counts: std::array::from_fn(|_| UInt64Builder::new()),
            masses: std::array::from_fn(|_| {
                Decimal128Builder::new().with_data_type(DataType::Decimal128(38, 18))
            }),
            skipped: UInt64Builder::new(),
            example: StringBuilder::new(),
            rows: 0,
            done: Vec::new(),
        }
    }

    pub(crate) fn push(&mut self, row: &PartialRow<'_>) {
        for (i, builder) in self.by.iter_mut().enumerate() {
            builder.append_option(row.by.get(i).and_then(Option::as_deref));
        }
        self.shard.append_option(row.shard);
        self.index.append_option(row.index);
        self.name.append_option(row.name);
        let Tally { positives, negatives, uncertain, missing, invalid } = row.tally;
        let counts = [positives, negatives, uncertain, missing, invalid];
        self.counts.iter_mut().zip(counts).for_each(|(builder, n)| builder.append_value(n));
        let masses = [row.mass.positives, row.mass.negatives];
        self.masses.iter_mut().zip(masses).for_each(|(builder, mass)| builder.append_value(mass.units()));
        self.skipped.append_value(row.skipped);
        self.example.append_option(row.example);
        self.rows += 1;
        if self.rows == BATCH_ROWS {
            self.close_batch();
        }
    }

    fn close_batch(&mut self) {
        let mut columns: Vec<ArrayRef> =
            self.by.iter_mut().map(|b| Arc::new(b.finish()) as ArrayRef).collect();
        columns.push(Arc::new(self.shard.finish()));
        columns.push(Arc::new(self.index.finish()));
        columns.push(Arc::new(self.name.finish()));
        columns.extend(self.counts.iter_mut().map(|b| Arc::new(b.finish()) as ArrayRef));
        columns.extend(self.masses.iter_mut().map(|b| Arc::new(b.finish()) as ArrayRef));
        columns.push(Arc::new(self.skipped.finish()));
        columns.push(Arc::new(self.example.finish()));
        // The builders follow the schema by construction.
        self.done.extend(RecordBatch::try_new(Arc::clone(&self.schema), columns).ok());
        self.rows = 0;
    }

    pub(crate) fn finish(mut self) -> Vec<RecordBatch> {
        if self.rows > 0 {
            self.close_batch();
        }
        self.done
    }
}

/// One batch of the counts of some labels of one group, written column by column: by name where `name`
/// knows one, else by position.
pub(crate) fn labels<'n>(
    by: &[Option<String>],
    counts: impl Iterator<Item = (usize, Tally)>,
    name: impl Fn(usize) -> Option<&'n str>,
) -> Option<RecordBatch> {
    let (positions, tallies): (Vec<usize>, Vec<Tally>) = counts.unzip();
    let n = positions.len();
    if n == 0 {
        return None;
    }
    let zeros: ArrayRef = Arc::new(UInt64Array::from(vec![0; n]));
    let count = |of: fn(&Tally) -> u64| -> ArrayRef {
        if tallies.iter().all(|tally| of(tally) == 0) {
            return Arc::clone(&zeros);
        }
        Arc::new(UInt64Array::from_iter_values(tallies.iter().map(of)))
    };
    let masses = Decimal128Array::from(vec![0; n]).with_data_type(DataType::Decimal128(38, 18));
    let masses: ArrayRef = Arc::new(masses);
    let open = positions.iter().any(|&label| name(label).is_some());
    let (indices, names): (UInt64Array, ArrayRef) = if open {
        let names: StringArray = positions.iter().map(|&label| name(label)).collect();
        let position = |(&label, name): (&usize, Option<&str>)| name.is_none().then_some(label as u64);
        (positions.iter().zip(names.iter()).map(position).collect(), Arc::new(names))
    } else {
        let indices = UInt64Array::from_iter_values(positions.iter().map(|&label| label as u64));
        (indices, new_null_array(&DataType::Utf8, n))
    };
    let mut columns: Vec<ArrayRef> =
        by.iter().map(|value| Arc::new(StringArray::from(vec![value.as_deref(); n])) as ArrayRef).collect();
    columns.extend([
        new_null_array(&DataType::UInt32, n),
        Arc::new(indices),
        names,
        count(|tally| tally.positives),
        count(|tally| tally.negatives),
        count(|tally| tally.uncertain),
        count(|tally| tally.missing),
        count(|tally| tally.invalid),
        Arc::clone(&masses),
        masses,
        zeros,
        new_null_array(&DataType::Utf8, n),
    ]);
    // The columns follow the schema by construction.
    RecordBatch::try_new(schema(by.len()), columns).ok()
}

/// The same for labels that have positions and positives alone, of the one group there is: `start` and
/// those after it. Labels without positives are left out.
pub(crate) fn of_positives(start: usize, positives: &[u64]) -> Option<RecordBatch> {
    let (mut indices, mut counts) =
        (Vec::with_capacity(positives.len()), Vec::with_capacity(positives.len()));
    for (label, &count) in (start as u64..).zip(positives).filter(|(_, count)| **count > 0) {
        indices.push(label);
        counts.push(count);
    }
    let n = indices.len();
    if n == 0 {
        return None;
    }
    let zeros: ArrayRef = Arc::new(UInt64Array::from(vec![0; n]));
    let masses = Decimal128Array::from(vec![0; n]).with_data_type(DataType::Decimal128(38, 18));
    let (masses, texts) = (Arc::new(masses) as ArrayRef, new_null_array(&DataType::Utf8, n));
    let mut columns = vec![
        new_null_array(&DataType::UInt32, n),
        Arc::new(UInt64Array::from(indices)),
        Arc::clone(&texts),
        Arc::new(UInt64Array::from(counts)),
    ];
    columns.extend([&zeros, &zeros, &zeros, &zeros, &masses, &masses, &zeros, &texts].map(Arc::clone));
    // The columns follow the schema by construction.
    RecordBatch::try_new(schema(0), columns).ok()
}

/// A batch in which every row is the tally of one label by its position, of the one group there is:
/// positions, then counts in the order of [`Tally`].
pub(crate) fn positions(batch: &RecordBatch) -> Option<[&[u64]; 6]> {
    let all_null = |name: &str| batch.column_by_name(name).is_some_and(|c| c.null_count() == c.len());
    let counts = |name: &str| {
        let column = batch.column_by_name(name)?.as_primitive_opt::<UInt64Type>()?;
        (column.null_count() == 0).then_some(&**column.values())
    };
    if batch.column(0).data_type() == &DataType::Utf8 || !all_null("label") || !all_null("example") {
        return None;
    }
    Some([
        counts("label_index")?,
        counts("positives")?,
        counts("negatives")?,
        counts("uncertain")?,
        counts("missing")?,
        counts("invalid")?,
    ])
}

/// Calls `each` with every row of a batch of partial counts.
pub(crate) fn read(
    batch: &RecordBatch,
    n_by: usize,
    mut each: impl FnMut(PartialRow<'_>) -> Result<()>,
) -> Result<()> {
    let column = |name: &str| {
        batch
            .column_by_name(name)
            .ok_or_else(|| Error::internal(format!("partial counts lack column {name}")))
    };
    let texts = |name: &str| {
        let array = column(name)?;
        arrow::compute::cast(array, &DataType::Utf8).map_err(|cause| Error::internal(cause.to_string()))
    };
    let counts = |name: &str| Ok::<_, Error>(column(name)?.as_primitive::<UInt64Type>());
    let by = (0..n_by).map(|i| texts(&by_name(i))).collect::<Result<Vec<_>>>()?;
    let (names, examples) = (texts("label")?, texts("example")?);
    let (names, examples) = (names.as_string::<i32>(), examples.as_string::<i32>());
    let shards = column("shard")?.as_primitive::<UInt32Type>();
    let indices = counts("label_index")?;
    let (positives, negatives) = (counts("positives")?, counts("negatives")?);
    let (uncertain, missing, invalid) = (counts("uncertain")?, counts("missing")?, counts("invalid")?);
    let skipped = counts("skipped")?;
    let mass = |name: &str| Ok::<_, Error>(column(name)?.as_primitive::<Decimal128Type>());
    let (positives_mass, negatives_mass) = (mass("positives_mass")?, mass("negatives_mass")?);
    for row in 0..batch.num_rows() {
        let key: Vec<Option<String>> = by
            .iter()
            .map(AsArray::as_string::<i32>)
            .map(|column| column.is_valid(row).then(|| column.value(row).to_owned()))
            .collect();
        each(PartialRow {
            by: &key,
            shard: shards.is_valid(row).then(|| shards.value(row)),
            index: indices.is_valid(row).then(|| indices.value(row)),
            name: names.is_valid(row).then(|| names.value(row)),
            tally: Tally {
                positives: positives.value(row),
                negatives: negatives.value(row),
                uncertain: uncertain.value(row),
                missing: missing.value(row),
                invalid: invalid.value(row),
            },
            mass: MassTally {
                positives: Mass::from_units(positives_mass.value(row)),
                negatives: Mass::from_units(negatives_mass.value(row)),
            },
            skipped: skipped.value(row),
            example: examples.is_valid(row).then(|| examples.value(row)),
        })?;
    }
    Ok(())
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// The rows of batches, as text.
    fn rows(batches: &[RecordBatch], n_by: usize) -> Vec<String> {
        let mut rows = Vec::new();
        for batch in batches {
            let each = |row: PartialRow<'_>| {
                rows.push(format!("{row:?}"));
                Ok(())
            };
            read(batch, n_by, each).unwrap();
        }
        rows
    }

    /// Batches of these rows, in groups of `n_by` columns.
    pub(crate) fn batches(n_by: usize, rows: &[PartialRow<'_>]) -> Vec<RecordBatch> {
        let mut partials = Partials::new(n_by);
        rows.iter().for_each(|row| partials.push(row));
        partials.finish()
    }

    fn tally(counts: [u64; 5]) -> Tally {
        let [positives, negatives, uncertain, missing, invalid] = counts;
        Tally { positives, negatives, uncertain, missing, invalid }
    }

    #[test]
    fn rows_are_read_as_they_were_pushed() {
        let by = [Some("train".to_owned()), None];
        let mass = MassTally { positives: Mass::from_units(-7), negatives: Mass::from_f64(2.5).unwrap() };
        let given = [
            PartialRow { by: &by, index: Some(3), tally: tally([1, 2, 3, 4, 5]), mass, ..Default::default() },
            PartialRow { by: &by, name: Some("é"), skipped: 6, ..Default::default() },
            PartialRow { by: &by, shard: Some(2), example: Some("\"2\""), ..Default::default() },
        ];
        let expected: Vec<String> = given.iter().map(|row| format!("{row:?}")).collect();
        assert_eq!(rows(&batches(2, &given), 2), expected);
    }

    #[test]
    fn many_rows_make_several_batches_and_keep_their_order() {
        let row = |index| PartialRow { index: Some(index), ..Default::default() };
        let given: Vec<PartialRow<'_>> = (0..=BATCH_ROWS as u64).map(row).collect();
        let batches = batches(0, &given);
        assert_eq!(batches.iter().map(RecordBatch::num_rows).collect::<Vec<_>>(), [BATCH_ROWS, 1]);
        assert_eq!(rows(&batches, 0), given.iter().map(|row| format!("{row:?}")).collect::<Vec<_>>());
        assert!(super::tests::batches(0, &[]).is_empty());
    }

    #[test]
    fn counts_by_column_are_the_rows_one_by_one() {
        let counts = [(4, tally([1, 0, 0, 9, 0])), (2, tally([0, 3, 0, 7, 0])), (9, tally([10, 0, 0, 0, 0]))];
        let by = [Some("a".to_owned())];
        let names = |label: usize| (label == 2).then_some("two");
        let row = |(label, tally): &(usize, Tally)| PartialRow {
            by: &by,
            index: names(*label).is_none().then_some(*label as u64),
            name: names(*label),
            tally: *tally,
            ..Default::default()
        };
        let one_by_one = batches(1, &counts.iter().map(row).collect::<Vec<_>>());
        let by_column = labels(&by, counts.into_iter(), names).unwrap();
        assert_eq!(vec![by_column], one_by_one);
        assert!(labels(&by, std::iter::empty(), names).is_none());
    }

    #[test]
    fn positives_alone_are_the_counts_of_labels_that_have_any() {
        let positives = [0, 5, 0, 2];
        let some = [(11, tally([5, 0, 0, 0, 0])), (13, tally([2, 0, 0, 0, 0]))];
        assert_eq!(of_positives(10, &positives), labels(&[], some.into_iter(), |_| None));
        assert!(of_positives(10, &[0, 0]).is_none());
    }

    #[test]
    fn only_batches_of_positions_and_nothing_else_are_taken_by_column() {
        let label = PartialRow { index: Some(1), tally: tally([1, 2, 3, 4, 5]), ..Default::default() };
        let of = |n_by, rows: &[PartialRow<'_>]| {
            positions(&batches(n_by, rows)[0]).map(|columns| columns.map(<[u64]>::to_vec))
        };
        let [indices, counts @ ..] = of(0, &[PartialRow { ..label }]).unwrap();
        assert_eq!((indices, counts), (vec![1], [1, 2, 3, 4, 5].map(|n| vec![n])));
        let by = [None];
        assert_eq!(of(1, &[PartialRow { by: &by, ..label }]), None);
        for other in [
            PartialRow::default(),
            PartialRow { name: Some("a"), ..Default::default() },
            PartialRow { shard: Some(0), example: Some("x"), ..label },
        ] {
            assert_eq!(of(0, &[PartialRow { ..label }, other]), None);
        }
    }

    #[test]
    fn a_batch_without_a_column_is_a_bug_that_names_it() {
        let batch = batches(0, &[PartialRow::default()]).remove(0);
        let error = read(&batch.project(&[0, 1, 2]).unwrap(), 0, |_| Ok(())).unwrap_err();
        assert!(matches!(error, Error::Internal(_)) && error.to_string().contains("example"), "{error}");
    }
}
