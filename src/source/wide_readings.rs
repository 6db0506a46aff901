//! Readings as one 0/1 column per label.

use std::collections::{BTreeSet, HashMap, HashSet};

use arrow::datatypes::{DataType, Field};

use super::aside_names::{begins_aside, is_aside, is_aside_name, is_outcome_name};
use super::candidates::{Candidate, CandidateColumn, SURE};
use super::codes::Codes;
use super::column_names::{NameRank, is_id_name, rank_of_name};
use super::declarations::{codes_beside_shares, declarations, ways_of_shares};
use super::empty_columns::with_empty;
use super::evidence::ColumnEvidence;
use super::layout::{LayoutKind, is_number, is_text, item};
use super::look::Look;
use super::named_alike::{ALIKE, common_stem, same_twice, stem, without_keys};
use super::offers::{COLUMNS_SHOWN, names};
use super::unknown_as::NullAs;
use super::values::Domain;
use crate::error::{for_shell, plural};
use crate::sql_text::{identifier, literal};

/// Points of several columns that are one label each, and of several with shares.
const GROUP: u32 = 6;
const SHARES: u32 = 2;
/// Characters of a mark at most.
const MARK_LENGTH: usize = 3;
/// Letters of an answer, and columns with one each from which they are those of a survey.
const ANSWER_LENGTH: usize = 64;
const ANSWERS_MIN: usize = 3;
/// Cells that show whether a column holds one value.
const MANY: u64 = 20;

impl Look<'_> {
    /// Columns that are one label each, with those like them in which all cells are NULL: a rare label may not be known in
    /// the rows looked at.
    pub(super) fn wide(&self) -> Vec<String> {
        self.wide_by(&|column| column.domain.clone())
    }

    /// The same where values mean what `domain` says.
    fn wide_by(&self, domain: &dyn Fn(&CandidateColumn<'_>) -> Domain) -> Vec<String> {
        let is_sure = |column: &CandidateColumn<'_>| {
            let domain = domain(column);
            is_scalar(column) && CandidateColumn { domain: &domain, ..*column }.is_cells()
        };
        let sure: Vec<CandidateColumn<'_>> = self.columns().filter(is_sure).collect();
        let wide = self.with_empty(&sure.iter().map(CandidateColumn::name).collect());
        if self.given.labels.is_empty() { without_keys(wide) } else { wide }
    }

    /// The columns `sure`, and those without a value that are labels as they are.
    fn with_empty(&self, sure: &HashSet<&str>) -> Vec<String> {
        with_empty(&self.columns().collect::<Vec<_>>(), sure)
    }

    /// Columns that would be labels beside those in `wide` if a few of their values were declared, with what they
    /// hold. Without columns of 0 and 1 beside them, only values count that often stand for something.
    pub(super) fn near(&self, wide: &[String]) -> Vec<(String, Codes)> {
        let known: HashSet<&str> = wide.iter().map(String::as_str).collect();
        let is_strict = wide.is_empty() || !self.given.labels.is_empty();
        let common = common_stem(wide.iter().map(String::as_str)).filter(|_| !is_strict);
        let columns = self.columns().filter(|column| {
            let data_type = column.field.data_type();
            let fits = is_scalar(column) && (is_number(data_type) || is_text(data_type));
            // A domain of its own says all about a label.
            fits && !self.given.label_domains.contains_key(column.name())
                && !is_id_name(column.name())
                && !known.contains(column.name())
        });
        let near = columns.filter_map(|column| {
            let codes = Codes::of(column.evidence, column.domain);
            // One that is named as labels are may be a soft label among them.
            if common.is_some()
                && stem(column.name()) == common
                && !codes.is_near(is_strict)
                && codes_beside_shares(column.evidence, column.domain).is_some()
            {
                let codes = Codes::of_shares(column.evidence, column.domain);
                return Some((column.name().to_owned(), codes));
            }
            let is_class =
                rank_of_name(column.name()) != NameRank::Other && codes.are_indices() && !codes.is_stray();
            (codes.is_near(is_strict) && !is_class).then(|| (column.name().to_owned(), codes))
        });
        near.collect()
    }

    /// The columns in `wide` and `near` as labels together, in each way to declare the values of `near`; and those in
    /// `wide` alone.
    pub(super) fn declared_readings(&self, wide: &[String], near: &[(String, Codes)]) -> Vec<Candidate> {
        let Some((first, _)) = near.first() else { return Vec::new() };
        let of_near = near.iter().map(|(name, _)| name.as_str());
        let labels = self.with_empty(&wide.iter().map(String::as_str).chain(of_near).collect());
        let is_in: HashSet<&str> = labels.iter().map(String::as_str).collect();
        let together = || self.columns().filter(|column| is_in.contains(column.name()));
        let known: HashMap<&str, &Codes> = near.iter().map(|(name, codes)| (name.as_str(), codes)).collect();
        let codes_of = |column: CandidateColumn<'_>| {
            let codes = known.get(column.name()).map(|codes| (*codes).clone());
            codes.unwrap_or_else(|| Codes::of(column.evidence, column.domain))
        };
        let codes: Vec<Codes> = together().map(codes_of).collect();
        let ranked = || near.iter().map(|(name, _)| rank_of_name(name)).max().unwrap_or(NameRank::Other);
        let points = if !self.given.labels.is_empty() {
            GROUP + 1
        } else if labels.len() > 1 && (wide.len() != 1 || near.iter().any(|(_, codes)| codes.is_near(true))) {
            GROUP.max(ranked().points(7, 5, 0))
        } else {
            ranked().points(7, 5, 2)
        };
        let cells = self.found.get(first).map(|evidence| evidence.shown.clone()).unwrap_or_default();
        let mut odd: Vec<String> = near.iter().flat_map(|(_, codes)| codes.shown()).collect();
        odd.sort();
        odd.dedup();
        let shown: Vec<&str> = odd.iter().take(COLUMNS_SHOWN).map(String::as_str).collect();
        let more = if odd.len() > shown.len() { ", …" } else { "" };
        let why = format!(
            "{} that {} 0 and 1 or a few other values: {}{more} in {}{}",
            plural(labels.len() as u64, "column"),
            if labels.len() == 1 { "holds" } else { "hold" },
            shown.join(", "),
            names(&near.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>()),
            self.without_empty(&labels)
        );
        let ways = declarations(&codes.iter(), self.given.domain).into_iter().map(|(flags, domain)| {
            let again = self.wide_by(&|_| domain.clone());
            Candidate {
                more: flags,
                is_spelled: again != labels || !self.empty_beside(&labels).between.is_empty(),
                cells: cells.clone(),
                ..Candidate::plain(LayoutKind::Wide, labels.clone(), points, why.clone())
            }
        });
        let mut all: Vec<Candidate> = ways.collect();
        // No flag can name a text with a comma, but a query can.
        let is_unsaid = all.is_empty();
        if is_unsaid && self.given.labels.is_empty() {
            let more = vec![query_without(&labels, near)];
            let why = format!("{why}; the query makes NULL of them");
            all.push(Candidate {
                more,
                is_spelled: true,
                ..Candidate::plain(LayoutKind::Wide, labels, points, why)
            });
        }
        if !wide.is_empty() && self.given.labels.is_empty() {
            let without = self.wide_candidate(wide.to_vec());
            let points = if is_unsaid { points.min(SURE - 1) } else { points };
            all.push(Candidate { is_spelled: true, points, ..without });
        }
        all
    }

    /// Columns that are one label each. Where some names say that they are no labels, or one that it is the label,
    /// both ways are possible.
    pub(super) fn wide_readings(&self, wide: Vec<String>) -> Vec<Candidate> {
        let has_ones_alone = self.has_ones_alone(&wide);
        let all = self.parted_readings(wide);
        if !has_ones_alone {
            return all;
        }
        let with = |one: Candidate| {
            ["negative", "missing"].map(|what| {
                let why = format!("{}; no cell is 0, so NULL may say so", one.why);
                Candidate { more: vec![format!("--null-as {what}")], why, ..one.clone() }
            })
        };
        all.into_iter().flat_map(with).collect()
    }

    /// Whether each of the columns holds 1 and NULL, and none of them 0.
    fn has_ones_alone(&self, wide: &[String]) -> bool {
        let holds_ones = |name: &String| {
            let Some(evidence) = self.found.get(name) else { return false };
            let codes = Codes::of(evidence, self.domain(name));
            evidence.nulls > 0 && !codes.has(false)
        };
        let any = |name: &String| self.found.get(name).is_some_and(ColumnEvidence::has_values);
        let is_default = self.given.domain.null_as == NullAs::Missing && self.given.label_domains.is_empty();
        is_default && wide.iter().all(holds_ones) && wide.iter().any(any)
    }

    /// The columns together, and without those that may be no labels.
    fn parted_readings(&self, wide: Vec<String>) -> Vec<Candidate> {
        let aside = self.aside(&wide);
        let exact: Vec<&String> = wide.iter().filter(|name| rank_of_name(name) == NameRank::Exact).collect();
        let spelled = |labels: Vec<String>, why: &str| {
            let one = self.wide_candidate(labels);
            let why = format!("{}{why}", one.why);
            Candidate { is_spelled: true, why, ..one }
        };
        let mut all = Vec::new();
        if let [only] = exact[..]
            && wide.iter().all(|name| name == only || rank_of_name(name) == NameRank::Other)
        {
            all.push(spelled(vec![only.clone()], "; the others may be features"));
        } else if aside.len() == wide.len() {
            let one = self.wide_candidate(wide);
            let why = format!("{}; their names are those of something else than labels", one.why);
            return vec![Candidate { points: SURE - 1, why, ..one }];
        } else if !aside.is_empty() {
            let rest = wide.iter().filter(|name| !aside.contains(name)).cloned().collect();
            let names: Vec<String> = aside.into_iter().cloned().collect();
            all.push(spelled(rest, &format!("; without {}", self::names(&names))));
            // Labels may as well be those of one other kind, or the target of the others.
            let is_named_aside = |name: &String| is_aside_name(name) || is_id_name(name);
            let are_alike =
                stem(&names[0]).is_some() && names.iter().all(|name| stem(name) == stem(&names[0]));
            let is_target = matches!(&names[..], [only] if is_outcome_name(only));
            let is_kind = names.len() > 1 && (are_alike || !names.iter().any(is_named_aside));
            if is_target || is_kind {
                all.push(spelled(names, "; the others may be features"));
            }
        }
        let between = self.empty_beside(&wide).between;
        if between.is_empty() {
            for labels in same_twice(&wide) {
                all.push(spelled(labels, "; the others are named as these are, but for how they begin"));
            }
            let among = self.among_features(&wide);
            if among.is_empty() {
                all.push(self.wide_candidate(wide));
            }
            for one in among {
                if !all.iter().any(|other| other.labels == one.labels) {
                    all.push(one);
                }
            }
            return all;
        }
        let known: HashSet<&str> = wide.iter().chain(&between).map(String::as_str).collect();
        let with = self.columns().map(|column| column.name().to_owned());
        all.push(spelled(with.filter(|name| known.contains(name.as_str())).collect(), ""));
        all.push(spelled(wide, ""));
        all
    }

    /// Those of `wide` whose names or types say that they may be none of the labels.
    fn aside<'w>(&self, wide: &'w [String]) -> Vec<&'w String> {
        // Columns of which each row has just one are those of one feature, if there are others.
        let (one_each, rest): (Vec<&String>, Vec<&String>) =
            wide.iter().partition(|name| self.is_one_of_several(name));
        let named = if rest.is_empty() { &one_each } else { &rest };
        let is_feature = |name: &str| !rest.is_empty() && one_each.iter().any(|one| *one == name);
        let common = common_stem(named.iter().map(|name| name.as_str()));
        let others: Vec<&str> = wide.iter().map(String::as_str).filter(|name| stem(name) != common).collect();
        // Labels of two kinds have names of two kinds.
        let is_second_kind = others.len() * 3 >= wide.len()
            && others.len() >= ALIKE
            && others.iter().all(|name| stem(name).is_some() && stem(name) == stem(others[0]))
            && common.is_some_and(|common| rank_of_name(common) == NameRank::Other);
        // Truth values beside numbers of one type, or the other way round.
        let fields = self.schema.fields().iter();
        let types: HashMap<&str, &DataType> =
            fields.map(|field| (field.name().as_str(), field.data_type())).collect();
        let type_of = |name: &str| types.get(name).copied();
        let mut times: HashMap<Option<&DataType>, usize> = HashMap::new();
        wide.iter().for_each(|name| *times.entry(type_of(name)).or_default() += 1);
        let is_mixed = times.len() == 2 && times.contains_key(&Some(&DataType::Boolean));
        let is_odd_type =
            |name: &str| is_mixed && times.get(&type_of(name)).is_some_and(|times| times * 2 < wide.len());
        // Where a threshold makes labels of scores, those of 0 and 1 may be all.
        let takes_shares = self.given.domain.soft || self.given.domain.threshold.is_some();
        let is_share =
            |name: &String| type_of(name).is_some_and(|of| !of.is_integer() && *of != DataType::Boolean);
        let are_parted = takes_shares && wide.iter().any(is_share) && !wide.iter().all(is_share);
        let is_column = |name: &str| types.contains_key(name);
        let is_aside_column = |name: &&String| {
            let is_other = match common {
                Some(_) => stem(name) != common && !is_second_kind,
                None => is_odd_type(name),
            };
            let is_other = is_other || stem(name) != common && begins_aside(name);
            let is_tested = self.tests.others.contains(name) || are_parted && is_share(name);
            is_other || is_feature(name) || is_tested || is_aside(name, &is_column) || is_id_name(name)
        };
        wide.iter().filter(is_aside_column).collect()
    }

    /// Whether each row has just one 1 in this column and those whose names begin alike, which is no name of labels.
    fn is_one_of_several(&self, name: &str) -> bool {
        stem(name).is_some_and(|stem| rank_of_name(stem) == NameRank::Other && self.beside.has_one_each(stem))
    }

    pub(super) fn wide_candidate(&self, labels: Vec<String>) -> Candidate {
        let values =
            if self.given.domain.is_binary() { "only 0, 1 and nulls" } else { "only declared values" };
        let is_constant = |name: &&String| {
            self.found.get(*name).is_some_and(|evidence| {
                evidence.cells >= MANY && evidence.numbers().count() + evidence.texts.len() == 1
            })
        };
        let constant: Vec<String> = labels.iter().filter(is_constant).cloned().collect();
        let alike = match constant.len() {
            0 => String::new(),
            n if labels.len() > COLUMNS_SHOWN || n * 2 > labels.len() => String::new(),
            1 => format!("; {} has one value in the rows looked at", constant[0]),
            _ => format!("; {} have one value each in the rows looked at", names(&constant)),
        };
        let why = format!(
            "{} {} {values}: {}{alike}{}",
            plural(labels.len() as u64, "column"),
            if labels.len() == 1 { "holds" } else { "hold" },
            names(&labels),
            self.without_empty(&labels)
        );
        let cells = labels.first().and_then(|name| self.found.get(name));
        let cells = cells.map(|evidence| evidence.shown.clone()).unwrap_or_default();
        // Columns of which each has one value say nothing of labels.
        let points = if constant.len() == labels.len() { SURE - 1 } else { GROUP };
        Candidate { cells, ..Candidate::plain(LayoutKind::Wide, labels, points, why) }
    }

    /// Several columns of numbers from 0 to 1, some of them between: soft labels, or scores.
    pub(super) fn soft_readings(&self) -> Vec<Candidate> {
        let domain = self.given.domain;
        if !self.given.labels.is_empty() || domain.soft || domain.threshold.is_some() {
            return Vec::new();
        }
        // Others are declared beside columns of 0 and 1.
        let is_strict = self.wide().is_empty();
        let mut missing = BTreeSet::new();
        let mut soft: HashSet<&str> = HashSet::new();
        let mut are_near = true;
        for column in self.columns().filter(is_scalar) {
            let data_type = column.field.data_type();
            let is_between = column.evidence.numbers().any(|x| x > 0.0 && x < 1.0);
            let is_number = data_type.is_numeric() && !data_type.is_integer();
            let is_near = || Codes::of(column.evidence, column.domain).is_near(is_strict);
            if let Some(codes) = codes_beside_shares(column.evidence, column.domain)
                && is_number
                && is_between
            {
                are_near &= is_near();
                missing.extend(codes);
                soft.insert(column.field.name());
            }
        }
        if soft.len() < 2 || are_near {
            return Vec::new();
        }
        let labels = self.with_empty(&soft);
        let cells = self.found.get(&labels[0]).map(|evidence| evidence.shown.clone()).unwrap_or_default();
        let codes: String = missing.iter().map(|code| format!(", beside {code}")).collect();
        let why = format!(
            "{} hold numbers from 0 to 1{codes}: {}{}",
            plural(labels.len() as u64, "column"),
            names(&labels),
            self.without_empty(&labels)
        );
        // Others of which it would be asked whether they are labels.
        let is_alone = self.columns().filter(is_scalar).all(|column| {
            labels.iter().any(|label| label == column.name()) || !is_number(column.field.data_type())
        });
        let ways = ways_of_shares(&missing, domain).into_iter().map(|(more, declared)| Candidate {
            more,
            is_spelled: !is_alone
                || self.wide_by(&|_| declared.clone()) != labels
                || !self.empty_beside(&labels).between.is_empty(),
            cells: cells.clone(),
            ..Candidate::plain(LayoutKind::Wide, labels.clone(), SHARES, why.clone())
        });
        ways.collect()
    }

    /// Several columns of texts that hold one mark or nothing, as forms with boxes to tick have them.
    pub(super) fn marked_readings(&self) -> Option<Candidate> {
        let domain = self.given.domain;
        if !self.given.labels.is_empty() || !domain.is_binary() {
            return None;
        }
        let mark = |column: &CandidateColumn<'_>| {
            let texts = &column.evidence.texts;
            let mut filled = texts.keys().filter(|text| !text.is_empty());
            let only = filled.next()?;
            let is_short = only.chars().count() <= ANSWER_LENGTH || only == column.name();
            let is_marked = is_scalar(column)
                && is_text(column.field.data_type())
                && is_short
                && filled.next().is_none()
                && (column.evidence.nulls > 0 || texts.len() > 1)
                && !only.contains([',', '\n', '\r', '\0'])
                && !column.is_cells();
            is_marked.then(|| only.clone())
        };
        let marks: Vec<(CandidateColumn<'_>, String)> =
            self.columns().filter_map(|column| mark(&column).map(|mark| (column, mark))).collect();
        let marked: BTreeSet<&String> = marks.iter().map(|(_, mark)| mark).collect();
        let labels: Vec<String> = marks.iter().map(|(column, _)| column.name().to_owned()).collect();
        // The name of the column is a mark, too, and so is the one answer of each column of a survey.
        let are_names = marks.iter().all(|(column, mark)| column.name() == mark);
        let are_answers = labels.len() >= ANSWERS_MIN && marked.len() == labels.len();
        let what = match marked.first() {
            Some(only) if marked.len() == 1 && only.chars().count() <= MARK_LENGTH => format!("{only:?}"),
            _ if are_names => "their names".to_owned(),
            _ if are_answers => "one text of their own".to_owned(),
            _ => return None,
        };
        if labels.len() < 2 {
            return None;
        }
        let why =
            format!("{} hold {what} or nothing: {}", plural(labels.len() as u64, "column"), names(&labels));
        let values: Vec<&str> = marked.iter().map(|mark| mark.as_str()).collect();
        let mut more = vec![format!("--positive-values={}", for_shell(&values.join(",")))];
        if marks.iter().any(|(column, _)| column.evidence.texts.contains_key("")) {
            more.push("--negative-values=''".to_owned());
        }
        if marks.iter().any(|(column, _)| column.evidence.nulls > 0) {
            more.push("--null-as negative".to_owned());
        }
        let plain = Candidate::plain(LayoutKind::Wide, labels, SHARES, why);
        Some(Candidate { more, is_spelled: true, ..plain })
    }

    /// Several columns of classes as heads, and their place among the readings: in front of those that are as likely.
    pub(super) fn heads(&self, candidates: &[Candidate]) -> Vec<(usize, Candidate)> {
        let is_class =
            |one: &&Candidate| one.kind == LayoutKind::Class && one.more.is_empty() && one.labels.len() == 1;
        let Some(points) = candidates.iter().find(is_class).map(|one| one.points) else { return Vec::new() };
        let is_open = self.given.labels.is_empty() && self.given.kind.is_none();
        let is_small = |one: &&Candidate| {
            let name = &one.labels[0];
            let evidence = self.found.get(name);
            let few = evidence.is_some_and(|e| e.distinct() <= 64 && e.distinct() * 2 <= e.cells.max(4));
            let may_be = |of: &DataType| is_text(of) || of.is_integer();
            let is_class = self.schema.field_with_name(name).is_ok_and(|field| may_be(field.data_type()));
            rank_of_name(name) != NameRank::Other || self.classes.contains_key(name) || few && is_class
        };
        let columns = |is_meant: &dyn Fn(&&Candidate) -> bool| {
            let mut labels: Vec<String> = Vec::new();
            for one in candidates.iter().filter(is_class).filter(is_small).filter(is_meant) {
                // A column that may be read in two ways is asked about first.
                if !labels.contains(&one.labels[0]) {
                    labels.push(one.labels[0].clone());
                }
            }
            // In the order of the table.
            labels.sort_by_cached_key(|name| self.schema.index_of(name).unwrap_or(usize::MAX));
            labels
        };
        let heads = |labels: Vec<String>, points: u32| {
            let why = format!("each of {} is a class of its own: a head", names(&labels));
            Candidate::plain(LayoutKind::Class, labels, points, why)
        };
        let [alike, all] =
            [columns(&|one| one.points == points), columns(&|one| !is_aside_name(&one.labels[0]))];
        // A few integers of which each is 0 or 1 may be classes as the others are.
        let of_two = self.free_fields().filter(|field| {
            let name = field.name();
            let is_cells = self.column(field).is_some_and(|column| column.is_cells());
            is_cells && field.data_type().is_integer() && !is_aside_name(name) && !all.contains(name)
        });
        let of_two: Vec<String> = of_two.map(|field| field.name().clone()).collect();
        let is_few = (1..=all.len()).contains(&of_two.len());
        let fields = self.free_fields().map(Field::name);
        let with_two: Vec<String> =
            fields.filter(|name| all.contains(name) || of_two.contains(name)).cloned().collect();
        let mut found = Vec::new();
        let are_some = |labels: &[String]| is_open && (2..=COLUMNS_SHOWN).contains(&labels.len());
        if is_few && are_some(&with_two) {
            found.push((candidates.len(), heads(with_two, 1)));
        }
        if are_some(&all) && all != alike {
            found.push((candidates.len(), heads(all, 1)));
        }
        if are_some(&alike) {
            let place = candidates.iter().position(|one| one.points <= points).unwrap_or(candidates.len());
            found.push((place, heads(alike, points)));
        }
        found
    }
}

/// A query for columns of which some hold texts that stand for nothing.
fn query_without(labels: &[String], near: &[(String, Codes)]) -> String {
    let value = |name: &String| {
        let quoted = identifier(name);
        let Some((_, codes)) = near.iter().find(|(of, _)| of == name) else { return quoted };
        let value =
            codes.odd.keys().fold(quoted.clone(), |value, odd| format!("nullif({value}, {})", literal(odd)));
        format!("{value} AS {quoted}")
    };
    let values: Vec<String> = labels.iter().map(value).collect();
    format!("--query {}", for_shell(&format!("SELECT {} FROM shards", values.join(", "))))
}

fn is_scalar(column: &CandidateColumn<'_>) -> bool {
    item(column.field.data_type()).is_none() && column.classes.is_none()
}
