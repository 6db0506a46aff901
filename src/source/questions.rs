//! The question that is asked where no reading is far ahead.

use arrow::datatypes::DataType;

use super::candidates::{AHEAD, Candidate, CandidateColumn, SURE};
use super::column_names::COLUMNS_MAX;
use super::evidence::CELLS_MIN;
use super::layout::{LayoutKind, is_label, is_number};
use super::look::Look;
use super::offers::{COLUMNS_SHOWN, asked, names, worth_offering};
use super::type_words::type_words;
use crate::error::{Error, Result, for_shell, plural};

impl Look<'_> {
    /// The reading that is far ahead.
    pub(super) fn decide(&self, candidates: &[Candidate]) -> Result<Candidate> {
        let Some(best) = candidates.first() else { return self.nothing_found() };
        let is_alone = candidates.get(1).is_none_or(|next| best.points >= next.points + AHEAD);
        let needs_flags = !best.more.is_empty() || best.value.is_some() && self.given.value.is_none();
        if best.points >= SURE && is_alone && !needs_flags {
            return Ok(best.clone());
        }
        let candidates = &self.targets_first(candidates);
        let best = &candidates[0];
        if best.kind == LayoutKind::Wide && self.given.labels.is_empty() {
            if !best.more.is_empty() {
                self.refuse_undeclared(&self.wide(), candidates)?;
            }
            let is_near = |one: &&Candidate| one.points + AHEAD > best.points;
            if candidates.iter().filter(is_near).all(|one| one.kind == LayoutKind::Wide) {
                self.refuse_empty(&self.wide(), candidates)?;
            }
        }
        let question = match &self.given.labels[..] {
            [name] => format!("how are labels stored in column {name:?}?"),
            _ => "which columns hold the labels?".to_owned(),
        };
        let fitting: Vec<Candidate> = candidates.iter().filter(|one| self.fits_flags(one)).cloned().collect();
        let candidates = if fitting.is_empty() { candidates } else { &fitting };
        let count = match worth_offering(candidates).len() {
            1 => "one reading is possible, but not sure".to_owned(),
            n => format!("{n} readings are possible"),
        };
        Err(asked(format!("{question} {count}{}", self.folders_told(candidates)), candidates))
    }

    /// Whether a reading has a place for the flags that were given.
    fn fits_flags(&self, one: &Candidate) -> bool {
        let domain = self.given.domain;
        let has_values = matches!(one.kind, LayoutKind::Wide | LayoutKind::Vector | LayoutKind::Map);
        let is_valued = has_values || one.value.is_some();
        let takes_value = matches!(one.kind, LayoutKind::Long | LayoutKind::Map);
        (self.given.value.is_none() || takes_value)
            && (is_valued || domain.threshold.is_none() && !domain.soft)
    }

    /// The readings with those of a likely target of the table in front.
    fn targets_first(&self, candidates: &[Candidate]) -> Vec<Candidate> {
        let is_open = self.given.labels.is_empty() && self.given.kind.is_none();
        // A table of pairs has no features. In a large one, ids may be those of who or where.
        let is_small = self.columns_in_use() <= COLUMNS_MAX + 1;
        let are_pairs =
            candidates.iter().any(|one| one.kind == LayoutKind::Long && (is_small || one.points >= SURE));
        let best = candidates.first().filter(|_| is_open && !are_pairs);
        let [mut all, others] = best.map(|best| self.targets(best)).unwrap_or_default();
        for one in candidates.iter().chain(&others) {
            if !all.iter().any(|other| other.flags() == one.flags()) {
                all.push(one.clone());
            }
        }
        all
    }

    fn nothing_found(&self) -> Result<Candidate> {
        if let [name] = &self.given.labels[..]
            && let Ok(field) = self.schema.field_with_name(name)
        {
            let fields = format!("name its fields with --labels {}", for_shell(&format!("{name}.*")));
            let hint = match field.data_type() {
                DataType::Struct(_) => &fields,
                _ => "name another column with --labels; posweight inspect shows every column",
            };
            return Err(Error::input(format!(
                "column {name:?} is {}, which is not read as labels",
                type_words(field.data_type())
            ))
            .hint(hint));
        }
        let question = "which columns hold the labels? no column looks like labels";
        let recurring = self.recurring_columns();
        if !recurring.is_empty() {
            return Err(asked(format!("{question}{}", self.folders_told(&recurring)), &recurring));
        }
        Err(Error::usage(format!("{question}{}", self.folders_told(&[]))).hint(
            "name them with --labels, and the layout with --layout; posweight inspect shows every column",
        ))
    }

    /// Columns whose values recur, each as a class, whatever their names say: `landmark_id`.
    fn recurring_columns(&self) -> Vec<Candidate> {
        let recurs = |column: &CandidateColumn<'_>| {
            let evidence = column.evidence;
            let is_new = !column.is_cells() && !column.is_empty() && is_label(column.field.data_type());
            is_new && evidence.cells >= CELLS_MIN && evidence.distinct() < evidence.cells
        };
        let class = |column: CandidateColumn<'_>| {
            let is_number = is_number(column.field.data_type());
            let what = if is_number { "number" } else { "string" };
            let why = format!("each {what} in {:?} is the name of one label", column.name());
            let more = is_number.then(|| "--label-kind name".to_owned()).into_iter().collect();
            Candidate { more, ..column.candidate(LayoutKind::Class, 0, why) }
        };
        self.columns().filter(recurs).map(class).collect()
    }

    /// Asks about columns without a value between those in `labels`.
    pub(super) fn refuse_empty(&self, labels: &[String], candidates: &[Candidate]) -> Result<()> {
        let between = self.empty_beside(labels).between;
        let [first, others @ ..] = &between[..] else { return Ok(()) };
        let others = match others {
            [] => String::new(),
            [one] => format!("; so does column {one}"),
            several => format!("; so do columns {}", names(several)),
        };
        let wide: Vec<Candidate> =
            candidates.iter().filter(|one| one.kind == LayoutKind::Wide).cloned().collect();
        let question = format!(
            "is column {first:?} a label? no cell that was looked at holds a value, and it stands between label \
             columns{others}"
        );
        Err(asked(question, &wide))
    }

    /// Asks about columns that differ from those in `labels` by a few values that were not declared.
    pub(super) fn refuse_undeclared(&self, labels: &[String], candidates: &[Candidate]) -> Result<()> {
        let near = self.near(labels);
        let Some((name, codes)) = near.first() else { return Ok(()) };
        let shown = |values: &[String]| -> String {
            let some: Vec<&str> = values.iter().take(COLUMNS_SHOWN).map(String::as_str).collect();
            format!("{}{}", some.join(", "), if values.len() > some.len() { ", …" } else { "" })
        };
        let others: Vec<String> =
            near[1..].iter().map(|(name, codes)| format!("{name} ({})", shown(&codes.shown()))).collect();
        let others = match others.len() {
            0 => String::new(),
            1 => format!("; so does column {}", others[0]),
            _ => format!("; so do columns {}", shown(&others)),
        };
        let beside = match labels.len() {
            0 => String::new(),
            1 => ", and 1 column holds only 0 and 1".to_owned(),
            n => format!(", and {} hold only 0 and 1", plural(n as u64, "column")),
        };
        let values = codes.shown();
        let is = if values.len() == 1 { "is" } else { "are" };
        let question =
            format!("is column {name:?} a label? it holds {}, which {is} not declared", shown(&values));
        let wide: Vec<Candidate> =
            candidates.iter().filter(|one| one.kind == LayoutKind::Wide).cloned().collect();
        let offered = if self.given.kind.is_some() { &wide } else { candidates };
        if offered.is_empty() {
            return Err(Error::usage(format!("{question}{beside}{others}")).hint(format!(
                "declare it with --missing-values in a pipeline file, or leave out {name:?} by naming the others with \
                 --labels"
            )));
        }
        let zeros = codes.beside();
        Err(asked(format!("{question}{zeros}{beside}{others}"), offered))
    }
}
