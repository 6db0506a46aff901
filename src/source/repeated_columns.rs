//! Labels of a row in several columns, one each: `Labels`, `Labels.1`, `Labels.2` as pandas calls columns of one name, and
//! `dx1`, `dx2`, `dx3`.

use std::collections::BTreeMap;

use super::candidates::{CLOSE, Candidate, CandidateColumn, SURE};
use super::layout::{LayoutKind, is_text, item};
use super::look::Look;
use super::named_alike::stem;
use super::offers::names;
use crate::error::for_shell;
use crate::sql_text::identifier;

/// Points of columns that are numbered.
const NUMBERED: u32 = 1;

impl Look<'_> {
    /// The columns of each row as one list, which a query makes; the first column is not chosen alone where the others have
    /// its name.
    pub(super) fn add_repeated(&self, all: &mut Vec<Candidate>) {
        let columns: Vec<CandidateColumn<'_>> = self.columns().filter(is_name).collect();
        let mut families: BTreeMap<String, (bool, Vec<String>)> = BTreeMap::new();
        for column in &columns {
            let name = column.name();
            let first = name.rsplit_once('.').filter(|(_, number)| number.parse::<u32>().is_ok());
            let known = first.filter(|(first, _)| columns.iter().any(|other| other.name() == *first));
            if let Some((first, _)) = known {
                let family = families.entry(first.to_owned());
                let (_, members) = family.or_insert_with(|| (true, vec![first.to_owned()]));
                members.push(name.to_owned());
            } else if let Some(stem) = stem(name).filter(|stem| is_number(&name[stem.len()..])) {
                families.entry(format!("{stem}*")).or_default().1.push(name.to_owned());
            }
        }
        for (have_one_name, members) in families.into_values().filter(|(_, members)| members.len() > 1) {
            let first = members[0].clone();
            let alone = all.iter_mut().filter(|one| one.labels == [first.clone()]);
            let alone = alone.filter(|one| matches!(one.kind, LayoutKind::Class | LayoutKind::Delimited));
            let mut points = NUMBERED;
            for one in alone.filter(|_| have_one_name) {
                one.points = one.points.min(SURE - 1);
                points = points.max(one.points + CLOSE);
            }
            let list = members.iter().map(|name| identifier(name)).collect::<Vec<_>>().join(", ");
            let query = format!("SELECT [{list}] AS {} FROM shards", identifier(&first));
            let why = format!("a label each in {}, of which the query makes a list", names(&members));
            let plain = Candidate::plain(LayoutKind::List, vec![first], points, why);
            all.push(Candidate { more: vec![format!("--query {}", for_shell(&query))], ..plain });
        }
    }
}

/// Whether a column holds one name in each row, or nothing.
fn is_name(column: &CandidateColumn<'_>) -> bool {
    let (evidence, data_type) = (column.evidence, column.field.data_type());
    let is_scalar = item(data_type).is_none() && column.classes.is_none();
    is_scalar && is_text(data_type) && evidence.has_values() && !evidence.is_full && !column.is_cells()
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}
