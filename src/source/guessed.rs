//! What all rows say of a layout that was guessed from some: names that are made of other names, and rows of one id with
//! different labels. Where the guess was wrong, the question is asked after all.

use arrow::datatypes::{DataType, Schema};

use super::candidates::Candidate;
use super::detect::Detected;
use super::joined::BLANK;
use super::joined_names::{JoinedNames, Joint, joined_names};
use super::layout::{Layout, LayoutKind, item};
use super::offers::asked;
use super::repeated_keys::repeated_keys;
use super::schema::plain_type;
use super::shards::{Shard, rows_of};
use super::sided_names::{Rewritten, SidedNames};
use crate::counts::LabelCounts;
use crate::error::{Error, Result, for_shell, plural};
use crate::sql_text::identifier;

/// Rows at most whose ids are compared.
const ROWS_MAX: u64 = 50_000_000;
/// Bytes that each of these rows takes.
const ROW_BYTES: u64 = 16;
/// The same in stores, from which they would be read again.
const ROWS_MAX_FAR: u64 = 2_000_000;
/// Of so many ids, one whose rows have different labels is more than chance.
const TORN: u64 = 200;
/// The separator that a query writes.
const BAR: &str = "|";

/// The column that a query makes of the values behind labels.
const VALUE: &str = "value";

/// What a query has to keep beside the labels.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Kept<'a> {
    /// Columns that flags name.
    pub(crate) columns: &'a [String],
    /// A condition may name any column.
    pub(crate) has_filter: bool,
    /// The query that made the rows.
    pub(crate) query: Option<&'a str>,
    /// The columns, with their types.
    pub(crate) schema: &'a Schema,
}

/// Asks where names that were counted are made of others, though flags did not say how labels are stored.
///
/// # Errors
/// [`Error::Usage`] with the readings that are possible.
pub(crate) fn check_names(detected: &Detected, counts: &LabelCounts, kept: Kept<'_>) -> Result<()> {
    let layout = &detected.layout;
    let kinds = [LayoutKind::Class, LayoutKind::Delimited, LayoutKind::Long, LayoutKind::List];
    // Names that were known before are those that are meant.
    if !detected.is_guessed || counts.unlisted().is_none() || !kinds.contains(&layout.kind) {
        return Ok(());
    }
    let names = counts.labels().iter().zip(counts.tallies().iter().map(|tally| tally.positives));
    let are_pieces = matches!(layout.kind, LayoutKind::Delimited | LayoutKind::List);
    match joined_names(names, are_pieces) {
        None => Ok(()),
        // What separates names of other layouts may be part of the elements of a list.
        Some(found)
            if layout.kind == LayoutKind::List && !matches!(found.joint, Joint::Sides(_) | Joint::Blanks) =>
        {
            Ok(())
        }
        Some(found) => Err(question(detected, &found, kept)),
    }
}

fn question(detected: &Detected, found: &JoinedNames, kept: Kept<'_>) -> Error {
    let layout = &detected.layout;
    let column = layout.column();
    let examples: Vec<String> = found.examples.iter().map(|name| format!("{name:?}")).collect();
    let are = if found.joined == 1 { "is" } else { "are" };
    let of_which = |what: &str| {
        format!(
            "{} of {}, such as {}, {what}",
            found.joined,
            plural(found.names as u64, "name"),
            examples.join(", ")
        )
    };
    let (ask, what) = match &found.joint {
        Joint::Separators(separators) => {
            let between: Vec<String> = separators.iter().map(|by| format!("{by:?}")).collect();
            let what = format!("{are} others with {} between them", between.join(" or "));
            (format!("what separates labels in column {column:?}?"), of_which(&what))
        }
        Joint::Blanks => {
            let what = format!("{are} others with blanks around them");
            (format!("are blanks parts of the names in column {column:?}?"), of_which(&what))
        }
        Joint::Lists => {
            (format!("are there lists in column {column:?}?"), of_which(&format!("{are} lists of others")))
        }
        Joint::Sides(sided) => (
            format!("do texts in column {column:?} say of each label whether a row has it?"),
            of_which(&sided.sentence()),
        ),
    };
    let way = match (&layout.delimiter, layout.kind) {
        (Some(by), _) => format!("; they were split at {by:?}"),
        (None, kind) => format!("; layout {kind} takes each as one label"),
    };
    asked(format!("{ask} {what}{way}, which was a guess"), &readings(detected, found, kept))
}

/// The ways to read the column, the likeliest first.
fn readings(detected: &Detected, found: &JoinedNames, kept: Kept<'_>) -> Vec<Candidate> {
    let layout = &detected.layout;
    let column = layout.column();
    let texts = Rewriting { column, kept, others: layout.id.iter().chain(&layout.value).cloned().collect() };
    let plain = |kind: LayoutKind, why: String| Candidate {
        id: layout.id.clone().filter(|_| kind == LayoutKind::Long),
        value: layout.value.clone().filter(|_| kind == LayoutKind::Long),
        ..Candidate::plain(kind, layout.labels.clone(), 0, why)
    };
    let has_blanks =
        found.has_blanks || layout.delimiter.as_ref().is_some_and(|by| by.trim() != by && by != BLANK);
    let trim: Vec<String> = has_blanks.then(|| "--trim".to_owned()).into_iter().collect();
    let split = |by: &str, more: Vec<String>, why: String| Candidate {
        delimiter: Some(by.to_owned()),
        more: [more, trim.clone()].concat(),
        ..plain(LayoutKind::Delimited, why)
    };
    let several = |by: &str| format!("strings in {column:?} hold several labels separated by {by:?}");
    let rewritten = |by: &str| format!("the query makes {by:?} of every separator in {column:?}");
    let own = layout.delimiter.as_deref();
    let as_they_are = match own {
        Some(by) => Candidate {
            delimiter: Some(by.to_owned()),
            ..plain(layout.kind, format!("{}, and names are as they are", several(by)))
        },
        None => plain(layout.kind, format!("each string in {column:?} is one label")),
    };
    let reading = match &found.joint {
        Joint::Separators(separators) => {
            let printed = |by: &&String| !by.contains(char::is_control);
            let by = own.or(separators.iter().find(printed).map(String::as_str)).unwrap_or(BAR);
            // Blanks beside the separator of some labels are none of those beside others.
            let is_bare = by.trim().is_empty() || !has_blanks;
            let by = if is_bare { by } else { by.trim() };
            let is_other = |other: &&str| if is_bare { *other != by } else { other.trim() != by };
            let others: Vec<&str> = separators.iter().map(String::as_str).filter(is_other).collect();
            let value = others.iter().fold(texts.text(), |value, other| {
                format!("replace({value}, {}, {})", literal(other), literal(by))
            });
            match layout.kind {
                LayoutKind::Long => {
                    let by_itself = format!("unnest(string_to_array({value}, {}))", literal(by));
                    let why =
                        format!("the query makes a row of each label that {by:?} separates in {column:?}");
                    let more = [vec![texts.query(&by_itself)], trim.clone()].concat();
                    Candidate { more, ..plain(LayoutKind::Long, why) }
                }
                _ if others.is_empty() => split(by, Vec::new(), several(by)),
                _ => split(by, vec![texts.query(&value)], rewritten(by)),
            }
        }
        Joint::Blanks if layout.kind == LayoutKind::List => {
            let why = format!("lists in {column:?} hold label names, with blanks around some");
            Candidate { more: trim.clone(), ..plain(LayoutKind::List, why) }
        }
        Joint::Blanks => {
            let by = own.unwrap_or(BAR);
            split(by, Vec::new(), format!("{}, with blanks around some", several(by)))
        }
        Joint::Lists => {
            let quoted = texts.text();
            let inner = own
                .map_or_else(|| quoted.clone(), |by| format!("replace({quoted}, {}, '\",\"')", literal(by)));
            let value =
                format!("CASE WHEN {quoted} LIKE '[%' THEN {quoted} ELSE '[\"' || {inner} || '\"]' END");
            let why = format!("strings in {column:?} are lists, which the query makes of the others");
            Candidate { more: vec![texts.query(&value)], ..plain(LayoutKind::List, why) }
        }
        Joint::Sides(sided) => {
            let all = sided_readings(sided, layout, &texts, &plain);
            return all.into_iter().chain([as_they_are]).collect();
        }
    };
    vec![reading, as_they_are]
}

/// The readings of names that end with what a row says of a label.
fn sided_readings(
    sided: &SidedNames,
    layout: &Layout,
    texts: &Rewriting<'_>,
    plain: &dyn Fn(LayoutKind, String) -> Candidate,
) -> Vec<Candidate> {
    let column = layout.column();
    let text = texts.text();
    let is_list = layout.kind == LayoutKind::List;
    let is_text_list = is_list && !texts.are_lists();
    let by = layout.delimiter.as_deref().filter(|_| !is_list).unwrap_or(sided.by);
    let text = if is_list && !is_text_list { format!("array_to_string({text}, '{by}')") } else { text };
    let rewritten = if is_text_list { sided.rewritten_lists(&text) } else { sided.rewritten(&text, by) };
    let Rewritten { object, names, value } = rewritten;
    let is_long = layout.kind == LayoutKind::Long;
    let with_values = sided.ways().into_iter().map(|ways| {
        let (kind, query, what) = if is_long {
            (LayoutKind::Long, texts.query_beside(&names, Some(&value)), "columns of labels and values")
        } else {
            (LayoutKind::Map, texts.query(&object), "objects")
        };
        let why = format!("strings in {column:?} give each label a value, of which the query makes {what}");
        let more = std::iter::once(query).chain(ways).collect();
        let value = is_long.then(|| VALUE.to_owned());
        Candidate { value, more, ..plain(kind, why) }
    });
    let mut all: Vec<Candidate> = with_values.collect();
    if sided.are_amounts() {
        let why = format!("the query leaves the numbers in {column:?} out");
        let kind = match layout.kind {
            LayoutKind::Long => LayoutKind::Long,
            _ if is_text_list => LayoutKind::List,
            _ => LayoutKind::Delimited,
        };
        let delimiter = (kind == LayoutKind::Delimited).then(|| by.to_owned());
        let alone = Candidate { delimiter, more: vec![texts.query(&names)], ..plain(kind, why) };
        // A count says that there is one.
        all.insert(if sided.are_whole() { 0 } else { all.len() }, alone);
    }
    all
}

/// A column of texts that a query rewrites.
struct Rewriting<'a> {
    column: &'a str,
    kept: Kept<'a>,
    /// Row ids and values.
    others: Vec<String>,
}

impl Rewriting<'_> {
    /// Whether the column holds lists, not texts.
    fn are_lists(&self) -> bool {
        let field = self.kept.schema.field_with_name(self.column);
        field.is_ok_and(|field| item(field.data_type()).is_some())
    }

    /// The column as text.
    fn text(&self) -> String {
        let data_type =
            self.kept.schema.field_with_name(self.column).map(|field| plain_type(field.data_type()));
        let name = identifier(self.column);
        if data_type.is_ok_and(|of| of == DataType::BinaryView) {
            format!("CAST({name} AS VARCHAR)")
        } else {
            name
        }
    }

    /// The flag for a query that puts `value` in the place of the column.
    fn query(&self, value: &str) -> String {
        self.query_beside(value, None)
    }

    /// The same, with a column of what these say of labels.
    fn query_beside(&self, value: &str, beside: Option<&str>) -> String {
        let own = identifier(self.column);
        let beside = beside.map(|beside| format!(", {beside} AS {}", identifier(VALUE))).unwrap_or_default();
        let from = self.kept.query.map_or_else(|| "shards".to_owned(), |query| format!("({query})"));
        let query = if self.kept.has_filter {
            format!("SELECT * REPLACE ({value} AS {own}){beside} FROM {from}")
        } else {
            let mut others: Vec<String> = Vec::new();
            for other in self.others.iter().chain(self.kept.columns).map(|name| identifier(name)) {
                if other != own && !others.contains(&other) {
                    others.push(other);
                }
            }
            let others: String = others.iter().map(|other| format!(", {other}")).collect();
            format!("SELECT {value} AS {own}{others}{beside} FROM {from}")
        };
        format!("--query {}", for_shell(&query))
    }
}

/// A text as SQL writes it, in characters that a terminal shows.
fn literal(text: &str) -> String {
    let parts = text.chars().map(|letter| match letter {
        '\'' => "''''".to_owned(),
        letter if letter.is_control() => format!("chr({})", u32::from(letter)),
        letter => format!("'{letter}'"),
    });
    parts.collect::<Vec<_>>().join(" || ").replace("' || '", "")
}

/// Asks where rows of one id have different labels, though each was taken for a row by itself. Where that is rare, or ids
/// are too many to be compared within `memory` bytes, a sentence.
///
/// # Errors
/// [`Error::Usage`] with both readings; [`Error::Input`] naming a shard that cannot be read.
pub(crate) fn check_rows(
    detected: &Detected,
    shards: &[Shard],
    memory: u64,
    is_whole: bool,
) -> Result<Option<String>> {
    let (layout, keys) = (&detected.layout, &detected.keys);
    let [first, ..] = &keys[..] else { return Ok(None) };
    let label = layout.column();
    let rows = rows_of(shards);
    let far = shards.iter().any(|shard| shard.place.object().is_some());
    let most = if far { ROWS_MAX_FAR } else { ROWS_MAX }.min(memory / 2 / ROW_BYTES);
    if !is_whole || rows > most {
        return Ok(Some(format!(
            "whether rows of one value in {first:?} have different labels was not looked at in all of {}",
            plural(rows, "row")
        )));
    }
    let Some(found) = repeated_keys(shards, keys, label)? else { return Ok(None) };
    let column = &found.column;
    let observed = format!(
        "{} of {} in {column:?} stand in rows with different labels",
        found.torn,
        plural(found.values, "value")
    );
    if found.torn.saturating_mul(TORN) < found.values {
        return Ok(Some(observed));
    }
    let class = Candidate::plain(
        LayoutKind::Class,
        layout.labels.clone(),
        0,
        format!("each row is an example with one label in {label:?}"),
    );
    let long = Candidate {
        kind: LayoutKind::Long,
        id: Some(column.clone()),
        why: format!("row ids in {column:?} repeat, one row per ({column}, {label})"),
        ..class.clone()
    };
    Err(asked(format!("does column {column:?} name the rows? {observed}"), &[long, class]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn separators_are_written_in_letters_that_are_shown() {
        for (text, written) in
            [("|", "'|'"), (" - ", "' - '"), ("\t", "chr(9)"), ("\r\n", "chr(13) || chr(10)"), ("'", "''''")]
        {
            assert_eq!(literal(text), written);
        }
    }
}
