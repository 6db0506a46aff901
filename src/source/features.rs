//! Tables of features with a target: a 0/1 column among numbers and categories is more often one of them than a label.

use arrow::datatypes::{DataType, Field};

use super::aside_names::{is_about_another, is_outcome_name, may_be_target};
use super::candidates::{CLOSE, Candidate, CandidateColumn, SURE};
use super::codes::Codes;
use super::column_names::{NameRank, is_id_name, is_remark_name, is_row_name, is_topic_name, rank_of_name};
use super::declarations::ways;
use super::evidence::{CELLS_MIN, ColumnEvidence};
use super::layout::{LayoutKind, is_number, is_text, item};
use super::look::Look;
use super::name_words::NameWord;
use super::named_alike::common_stem;

/// Columns that make a table one of features.
const FEATURES_MIN: usize = 2;
/// Values at most of a target.
const CLASSES_MAX: u64 = 32;
/// Cells of each of the classes of a target, on average. In a table of few rows any class may recur.
const CLASS_CELLS: u64 = 4;
/// Columns that stand together from which one that stands by itself may be none of them.
const BLOCK_MIN: usize = 3;
/// Columns at most that are offered each by itself.
const ALONE_MAX: usize = 8;
/// What names of features begin with as often as those of labels.
const SIDES: [&str; 3] = ["is_", "has_", "was_"];

impl Look<'_> {
    /// Columns of numbers or of a few texts that are neither in `labels` nor say which row it is.
    fn features(&self, labels: &[String]) -> Vec<&str> {
        let is_column = |name: &str| self.schema.field_with_name(name).is_ok();
        let is_feature = |column: &CandidateColumn<'_>| {
            let (name, data_type) = (column.name(), column.field.data_type());
            let has_kind = is_number(data_type)
                || is_text(data_type)
                    && column.evidence.recurs(CLASS_CELLS)
                    && column.evidence.distinct() > 1;
            has_kind
                && item(data_type).is_none()
                && !column.is_empty()
                && !column.is_cells()
                && !Codes::of(column.evidence, column.domain).is_near(false)
                && !labels.iter().any(|label| label == name)
                && !is_of_row(name)
                && may_be_target(name)
                && !NameWord::Places.is(name)
                && !is_about_another(name, &is_column)
        };
        self.free_fields()
            .filter_map(|field| self.column(field).filter(is_feature).map(|_| field.name().as_str()))
            .collect()
    }

    /// Readings of the 0/1 columns `wide` where they stand among features: the last column of the table alone, those that
    /// stand together, and each by itself.
    pub(super) fn among_features(&self, wide: &[String]) -> Vec<Candidate> {
        let common = common_stem(wide.iter().map(String::as_str));
        if common.is_some_and(|stem| !SIDES.contains(&stem)) || wide.len() < 2 {
            return Vec::new();
        }
        let features = self.features(wide);
        let mut runs = self.runs(wide, &|name| features.contains(&name));
        if runs.len() < 2 {
            let apart = self.runs(wide, &|_| true);
            let lengths: Vec<usize> = apart.iter().map(Vec::len).collect();
            if matches!(lengths[..], [1, block] | [block, 1] if block >= BLOCK_MIN) {
                runs = apart;
            }
        }
        let is_tabular = features.len() >= FEATURES_MIN.max(wide.len());
        let last = self.free_fields().last().map(|field| field.name().clone());
        let last = last.filter(|last| wide.contains(last));
        if !is_tabular && runs.len() < 2 && !last.as_ref().is_some_and(|last| is_outcome_name(last)) {
            return Vec::new();
        }
        let last = last.into_iter().map(|last| vec![last]);
        let runs = runs.iter().filter(|run| run.len() > 1 && run.len() < wide.len()).cloned();
        let alone = wide.iter().filter(|_| wide.len() <= ALONE_MAX).map(|label| vec![label.clone()]);
        let mut all: Vec<Candidate> = Vec::new();
        for labels in last.chain([wide.to_vec()]).chain(runs).chain(alone) {
            if all.iter().any(|one| one.labels == labels) {
                continue;
            }
            let is_part = labels.len() < wide.len();
            let one = self.wide_candidate(labels);
            let why = if is_part { format!("{}; the others may be features", one.why) } else { one.why };
            all.push(Candidate { is_spelled: is_part, why, ..one });
        }
        all
    }

    /// The columns `wide` that stand together: nothing that `parts` is between them.
    fn runs(&self, wide: &[String], parts: &dyn Fn(&str) -> bool) -> Vec<Vec<String>> {
        let mut runs: Vec<Vec<String>> = vec![Vec::new()];
        for name in self.free_fields().map(|field| field.name().as_str()) {
            match runs.last_mut() {
                Some(run) if wide.iter().any(|label| label == name) => run.push(name.to_owned()),
                _ if parts(name) => runs.push(Vec::new()),
                _ => {}
            }
        }
        runs.retain(|run| !run.is_empty());
        runs
    }

    /// The one feature that stands between the columns `labels`, which are not named alike.
    fn one_between(&self, labels: &[String]) -> Option<&str> {
        if common_stem(labels.iter().map(String::as_str)).is_some() {
            return None;
        }
        let names: Vec<&str> = self.free_fields().map(|field| field.name().as_str()).collect();
        let is_label = |name: &&str| labels.iter().any(|label| label == name);
        let (first, last) = (names.iter().position(is_label)?, names.iter().rposition(is_label)?);
        let features = self.features(labels);
        let mut between = names[first..last].iter().filter(|name| features.contains(name));
        between.next().copied().filter(|_| between.next().is_none())
    }

    /// Brings the target of a table up to what may be features: 0/1 columns of one kind, and a column named `class` or
    /// `category`. It is the last column, or the one 0/1 column beside classes.
    pub(super) fn raise_targets(&self, all: &mut [Candidate]) {
        let is_sure = |one: &&Candidate| one.more.is_empty() && one.points >= SURE;
        // Of readings of 0/1 columns that are as likely, the one of most columns.
        let rank =
            |one: &&Candidate| (one.points, if one.kind == LayoutKind::Wide { one.labels.len() } else { 0 });
        let Some(best) = all.iter().filter(is_sure).max_by_key(rank).cloned() else { return };
        let name = &best.labels[0];
        let may_be_feature = is_topic_name(name) || name.eq_ignore_ascii_case("class");
        let is_class = best.kind == LayoutKind::Class && best.labels.len() == 1 && may_be_feature;
        let is_group = best.kind == LayoutKind::Wide && best.labels.len() > 1;
        if !is_class && !is_group || self.classes.contains_key(name) {
            return;
        }
        let is_table = self.features(&best.labels).len() >= FEATURES_MIN;
        let [ends, inner_ends] = self.ends();
        let between = self.one_between(&best.labels);
        let is_target = |one: &&mut Candidate| {
            let [target] = &one.labels[..] else { return false };
            let are_classes = |e: &ColumnEvidence| {
                let do_few_recur = e.cells < CELLS_MIN && e.distinct() < e.cells;
                (e.recurs(CLASS_CELLS) || do_few_recur) && (2..=CLASSES_MAX).contains(&e.distinct())
            };
            let few = || self.found.get(target).is_some_and(are_classes);
            let of = self.schema.field_with_name(target).map(Field::data_type).ok();
            let is_likely = is_table || of.is_some_and(may_be_class);
            let is_inner_end = of.is_some_and(is_text) && inner_ends.contains(&target.as_str());
            let is_at_end = ends.contains(&target.as_str()) || is_inner_end || is_outcome_name(target);
            let is_between = of.is_some_and(is_text) && between == Some(target);
            let is_end = is_likely && (is_at_end || is_between) && few();
            let is_kind = match one.kind {
                LayoutKind::Wide => is_class || is_end,
                // Of columns of classes, that of topics is one among others.
                LayoutKind::Class => is_end || is_topic_name(name) && few(),
                _ => false,
            };
            let is_of_rows = !may_be_target(target) || is_of_row(target);
            let is_other = !best.labels.contains(target) && !is_of_rows;
            is_kind && is_other && one.points > 0 && !one.is_empty
        };
        for one in all.iter_mut().filter(is_target) {
            one.points = one.points.max(best.points - CLOSE);
        }
    }

    /// The columns at the ends of the table but for those that say which row it is, and but for what says when or from
    /// where, too.
    fn ends(&self) -> [Vec<&str>; 2] {
        let is_key = |field: &Field| {
            let never_recurs = |e: &ColumnEvidence| e.is_full || e.cells > 0 && e.distinct() == e.cells;
            may_be_class(field.data_type()) && self.found.get(field.name()).is_some_and(never_recurs)
        };
        let may_be_end = |field: &&Field| {
            may_be_target(field.name()) && !field.data_type().is_temporal() && !is_key(field)
        };
        // A running number says which row it is, whatever its name.
        let is_number = |field: &Field| field.data_type().is_integer() && is_key(field);
        let fields = self.free_fields().filter(|field| !is_of_row(field.name()) && !is_number(field));
        let fields: Vec<&Field> = fields.collect();
        let inner: Vec<&Field> = fields.iter().copied().filter(may_be_end).collect();
        [fields, inner].map(|fields| {
            let ends = fields.first().into_iter().chain(fields.last());
            ends.map(|field| field.name().as_str()).collect()
        })
    }

    /// The readings of what most often is the target of a table of features beside the `best` reading, each by itself: a
    /// column that is named so, the last one, and the first one. Of another table with 0/1 columns, those named so. And those
    /// of the other columns of two values.
    pub(super) fn targets(&self, best: &Candidate) -> [Vec<Candidate>; 2] {
        let columns = self.free_fields().filter_map(|field| self.column(field)).filter(|column| {
            let evidence = column.evidence;
            let is_few = evidence.recurs(CLASS_CELLS) && evidence.distinct() > 1;
            is_few && item(column.field.data_type()).is_none() && !is_of_row(column.name())
        });
        let columns: Vec<CandidateColumn<'_>> = columns.collect();
        let is_named = |column: &&CandidateColumn<'_>| rank_of_name(column.name()) == NameRank::Exact;
        let is_table = self.features(&best.labels).len() >= FEATURES_MIN;
        let may_be_target = is_table || best.kind == LayoutKind::Wide;
        let named = columns.iter().filter(|column| may_be_target && is_named(column));
        let ends = columns.last().into_iter().chain(columns.first()).filter(|_| is_table);
        let has_two = |column: &&CandidateColumn<'_>| {
            column.is_cells() || Codes::of(column.evidence, column.domain).is_near(false)
        };
        let others = columns.iter().filter(|column| is_table && has_two(column));
        let mut seen: Vec<String> = Vec::new();
        let mut each = |columns: Vec<&CandidateColumn<'_>>| {
            let mut all: Vec<Candidate> = Vec::new();
            for column in columns {
                if !seen.contains(column.field.name()) {
                    seen.push(column.field.name().clone());
                    all.extend(self.alone(column));
                }
            }
            all
        };
        [each(named.chain(ends).collect()), each(others.collect())]
    }

    /// The readings of a column by itself.
    fn alone(&self, column: &CandidateColumn<'_>) -> Vec<Candidate> {
        let codes = Codes::of(column.evidence, column.domain);
        let labels = vec![column.name().to_owned()];
        let readings = column.readings().into_iter();
        let class = readings.filter(|one| one.kind == LayoutKind::Class).take(1);
        if column.classes.is_some() || !codes.is_settled() && !codes.is_near(false) {
            return class.collect();
        }
        let are_classes = !codes.is_settled() && codes.are_indices() && !codes.is_stray();
        let class: Vec<Candidate> = class.filter(|_| are_classes).collect();
        let one = self.wide_candidate(labels);
        let why = format!("{}; the others may be features", one.why);
        let wide = ways(column.evidence, column.domain).into_iter();
        let wide = wide.map(|more| Candidate { more, is_spelled: true, why: why.clone(), ..one.clone() });
        class.into_iter().chain(wide.take(2)).collect()
    }
}

/// Whether values of a type may be classes.
fn may_be_class(of: &DataType) -> bool {
    is_text(of) || of.is_integer()
}

/// Whether a name is that of a row, or of what is written beside it.
fn is_of_row(name: &str) -> bool {
    is_id_name(name) || is_row_name(name) || is_remark_name(name)
}
