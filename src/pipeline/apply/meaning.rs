//! What a result says of labels, and which labels of shards these are.

use std::path::{Path, PathBuf};

use serde::Deserialize as _;
use serde_json::{Map, Value as Json};

use crate::artifact::files::RESULTS;
use crate::artifact::stored::{Fetched, read_results};
use crate::counts::{CountUnit, LabelCounts, Labels};
use crate::engine::counting::{Counting, Keys};
use crate::error::{Error, Result, plural};
use crate::pipeline::derived::Derived;
use crate::pipeline::opening::Opened;
use crate::pipeline::options::weighing;
use crate::pipeline::reopened::reopen;
use crate::pipeline::rows_of_ids::{RowsOfIds, rows_of_query};
use crate::pipeline::spec::{OneOrMany, Spec, ValueSpec};
use crate::pipeline::spec_keys::{is_not_of_labels, is_of_layout};
use crate::source::layout::{Layout, LayoutKind};
use crate::source::values::Domain;

/// Labels that are named in a message.
const SHOWN: usize = 10;

/// A result that is applied.
#[derive(Debug)]
pub(super) struct KnownResult {
    /// What messages call it.
    pub(super) name: String,
    pub(super) derived: Derived,
    /// What it was asked for.
    spec: Map<String, Json>,
    layout: LayoutKind,
}

impl KnownResult {
    /// Reads the result in a folder, or the one that a file is of, weighed by `scheme` if it is given.
    ///
    /// # Errors
    /// [`Error::Input`] when there is none, [`Error::Usage`] for one whose rows have no labels of their own.
    pub(super) fn read(path: &Path, scheme: Option<&str>) -> Result<Self> {
        let is_json = path.extension().is_some_and(|end| end == "json");
        let folder = if is_json { path.parent().unwrap_or(path) } else { path };
        let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        let fetched = Fetched::of(folder)?;
        let at = |error: Error| if fetched.path() == folder { error } else { error.at(folder.display()) };
        let derived = reopen(fetched.path()).map_err(at)?;
        let spec = match &derived.file.provenance.spec {
            Some(Json::Object(spec)) => spec.clone(),
            _ => Map::new(),
        };
        let layout: LayoutKind =
            derived.file.layout.parse().map_err(|error: Error| error.at(path.display()))?;
        let name = folder.display().to_string();
        let mut known = Self { name, derived, spec, layout };
        known.check()?;
        if let Some(scheme) = scheme {
            let spec = Spec { scheme: Some(OneOrMany::One(scheme.to_owned())), ..known.own_spec()? };
            known.derived = known.derived.weighed_anew(&weighing(&spec)?)?;
        }
        // The account has paths as they were given; of a vocabulary, labels are known.
        let results = read_results(folder).ok().flatten();
        let results: Option<Json> = results.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        if let Some(ancestors) =
            results.as_ref().and_then(|all| all["metadata"]["spec"]["ancestors"].as_str())
        {
            known.spec.insert("ancestors".to_owned(), ancestors.into());
        }
        Ok(known)
    }

    fn check(&self) -> Result<()> {
        let file = &self.derived.file;
        if file.unit == CountUnit::Element {
            return Err(Error::usage(format!(
                "{}: elements of lists were counted, each with one label, so rows have no weights",
                self.name
            ))
            .hint("count rows: posweight compute SHARDS --unit row --out DIR"));
        }
        if file.counts.is_empty() {
            return Err(Error::input(format!("{}: the result has no label", self.name))
                .hint("compute weights of labels"));
        }
        Ok(())
    }

    fn own_spec(&self) -> Result<Spec> {
        let spec = Json::Object(self.spec.clone());
        Spec::deserialize(spec).map_err(|cause| {
            Error::input(format!("{}: weights.json: {cause}", self.name)).hint(format!(
                "compute it again with this version of posweight, or remove {RESULTS} and weights.json, and name labels and \
                 values with flags"
            ))
        })
    }

    /// Refuses a result that was counted through a query, unless `given` says how labels are read of these shards: the query
    /// may have rewritten their columns.
    fn check_query(&self, given: &Spec) -> Result<()> {
        let query = self.spec.get("query").and_then(Json::as_str);
        let Some(query) = query.filter(|_| given.layout.is_none()) else { return Ok(()) };
        let sources = given.shards.as_ref().map(OneOrMany::to_vec).unwrap_or_default();
        let rows = rows_of_query(&sources, query);
        Err(Error::usage(format!(
            "{}: its labels were counted through --query, which the shards as they are may not hold",
            self.name
        ))
        .hint(format!(
            "write the rows of the query: {rows}; and apply to rows.parquet with --layout {layout}, which also says that \
             shards hold the labels as they are",
            layout = self.layout
        )))
    }

    /// Refuses a result of several that read labels or values differently, where nothing says which of them holds.
    fn check_known(&self, given: &Map<String, Json>, layout: LayoutKind) -> Result<()> {
        let is_open = |key: &&String| {
            let key = key.as_str();
            let is_of_columns = is_of_layout(key);
            // Wide columns are named as labels.
            let needs =
                !is_of_columns || layout == self.layout && !(layout == LayoutKind::Wide && key == "labels");
            !is_not_of_labels(key) && key != "layout" && needs && !given.contains_key(key)
        };
        let open: Vec<&str> = self
            .derived
            .file
            .provenance
            .mixed
            .iter()
            .filter(is_open)
            .map(String::as_str)
            .take(SHOWN)
            .collect();
        if open.is_empty() {
            return Ok(());
        }
        Err(Error::input(format!(
            "{}: the results that were merged into it do not agree in {}, or do not say it, so it is not known how a value \
             of a row was read",
            self.name,
            open.join(", ")
        ))
        .hint(match &open[..] {
            [one] => format!("say it with --{}, or count all shards in one run", one.replace('_', "-")),
            _ => "count all shards in one run, or say each of these with its flag".to_owned(),
        }))
    }

    /// The counts of its labels.
    pub(super) fn counts(&self) -> &LabelCounts {
        &self.derived.file.counts
    }

    fn labels(&self) -> &Labels {
        self.counts().labels()
    }

    /// What reads the labels of shards as this result read them, where `given` does not say otherwise; and the labels in
    /// the order of its vocabulary, if it had one.
    ///
    /// # Errors
    /// [`Error::Usage`] for layout `long`, whose rows are several lines.
    pub(super) fn spec_over(&self, given: &Spec) -> Result<(Spec, Option<Labels>)> {
        let json = |spec: &Spec| match serde_json::to_value(spec) {
            Ok(Json::Object(keys)) => Ok(keys),
            _ => Err(Error::internal("a spec is no object")),
        };
        let mut keys = self.spec.clone();
        keys.retain(|key, _| !is_not_of_labels(key));
        let layout = match &given.layout {
            Some(layout) => layout.parse()?,
            None => self.layout,
        };
        let given_keys = json(given)?;
        self.check_query(given)?;
        self.check_known(&given_keys, layout)?;
        if layout == self.layout {
            // Label columns that were detected are those that are named as labels.
            if layout == LayoutKind::Wide && !keys.contains_key("labels") {
                keys.insert("labels".to_owned(), self.labels().iter().map(Json::from).collect());
            }
        } else {
            keys.retain(|key, _| !is_of_layout(key));
        }
        // A threshold and soft values exclude each other: what is given takes the place of what the result says.
        for (one, other) in [("threshold", "soft"), ("soft", "threshold")] {
            if given_keys.contains_key(one) && !given_keys.contains_key(other) {
                keys.remove(other);
                for values in keys.get_mut("label").and_then(Json::as_object_mut).into_iter().flatten() {
                    if let (_, Json::Object(values)) = values {
                        values.remove(other);
                    }
                }
            }
        }
        let had_vocabulary = keys.remove("vocabulary").is_some();
        keys.insert("layout".to_owned(), layout.to_string().into());
        keys.extend(given_keys);
        let spec = Spec::deserialize(Json::Object(keys)).map_err(|cause| {
            Error::input(format!("{}: weights.json: {cause}", self.name))
                .hint("compute it again with this version")
        })?;
        if layout == LayoutKind::Long {
            return Err(Error::usage(
                "lines of layout long are no rows: those of one id are one row together",
            )
            .hint(format!("write one row per id, and read it with --layout list{}", rows_of(&spec))));
        }
        let labels = (had_vocabulary && given.vocabulary.is_none()).then(|| self.labels().clone());
        Ok((spec, labels))
    }

    /// Makes the labels of `opened` known, where they were to be found by counting.
    ///
    /// # Errors
    /// [`Error::Input`] for other class columns than those of the result.
    pub(super) fn settle(&self, opened: &mut Opened) -> Result<()> {
        let heads = self.counts().heads();
        let named: Vec<&str> = heads.iter().map(|head| head.column.as_str()).collect();
        let own: Vec<&str> = opened.heads.iter().map(|head| head.layout.column()).collect();
        if named != own {
            let shown = |columns: &[&str]| match columns {
                [] => "one label column".to_owned(),
                several => format!("the class columns {}", several.join(", ")),
            };
            return Err(Error::input(format!(
                "the shards have {}, but {} was made of {}",
                shown(&own),
                self.name,
                shown(&named)
            ))
            .hint("name the same columns in the same order with --labels"));
        }
        for (counting, head) in opened.heads.iter_mut().zip(heads) {
            *counting = counting.knowing(&self.counts().labels_alone(head)?);
        }
        opened.counting = opened.counting.knowing(self.labels());
        Ok(())
    }

    /// Where each label of `opened` stands in the result; `None` where all stand where they are.
    ///
    /// # Errors
    /// [`Error::Input`] naming labels that only one of the two has.
    pub(super) fn places(&self, opened: &Opened) -> Result<Option<Vec<u32>>> {
        let found = labels_of(opened)?;
        if found == *self.labels() {
            return Ok(None);
        }
        let known = self.labels().positions();
        let unknown: Vec<&str> = found.iter().filter(|name| !known.contains_key(name)).collect();
        let there = found.positions();
        let lost: Vec<&str> = self.labels().iter().filter(|name| !there.contains_key(name)).collect();
        let shown = |names: &[&str]| {
            let first: Vec<String> = names.iter().take(SHOWN).map(|name| format!("{name:?}")).collect();
            let more = names.len().saturating_sub(SHOWN);
            format!(
                "{}{}",
                first.join(", "),
                if more > 0 { format!(" and {more} more") } else { String::new() }
            )
        };
        let (count, what, names) = match (&unknown[..], &lost[..]) {
            ([], []) => {
                let place = |name: &str| u32::try_from(known[name]).unwrap_or(u32::MAX);
                return Ok(Some(found.iter().map(place).collect()));
            }
            ([], lost) => (lost.len(), format!("in {}, but not in the shards", self.name), lost),
            (unknown, _) => (unknown.len(), format!("in the shards, but not in {}", self.name), unknown),
        };
        let is_wide = opened.counting.layout.kind == LayoutKind::Wide;
        let way_out = match (&unknown[..], is_wide) {
            ([first, ..], true) => {
                format!("leave it out with --labels '!{first}', or compute weights with it")
            }
            ([], true) => "write the column to the shards, or compute weights without it".to_owned(),
            (_, false) => {
                "give the names of labels with --vocabulary FILE, or compute weights of these shards"
                    .to_owned()
            }
        };
        Err(Error::input(format!(
            "{} {} {what}: {}",
            plural(count as u64, "label"),
            if count == 1 { "is" } else { "are" },
            shown(names)
        ))
        .hint(way_out))
    }
}

/// The command that writes the lines of layout `long` that `spec` names as one row per id.
fn rows_of(spec: &Spec) -> String {
    let texts = |given: &Option<OneOrMany>| given.as_ref().map(OneOrMany::to_vec).unwrap_or_default();
    let layout = Layout {
        kind: LayoutKind::Long,
        labels: texts(&spec.labels),
        id: spec.id.clone(),
        value: spec.value.clone(),
        delimiter: None,
    };
    let domain = Domain::default();
    let rows = RowsOfIds {
        sources: &texts(&spec.shards),
        layout: &layout,
        domain: &domain,
        value_type: None,
        groups: None,
        filter: None,
    };
    let is_usual = spec.values == ValueSpec::default();
    let command = rows.command().filter(|_| is_usual).map(|command| format!(": {command}"));
    format!("{}{}", rows.remark(), command.unwrap_or_default())
}

/// The labels of rows, in their order there.
fn labels_of(opened: &Opened) -> Result<Labels> {
    if opened.heads.is_empty() {
        return known_labels(&opened.counting);
    }
    let mut all = Labels::default();
    for head in &opened.heads {
        known_labels(head)?.iter().for_each(|label| all.push(&format!("{}={label}", head.layout.column())));
    }
    Ok(all)
}

fn known_labels(counting: &Counting) -> Result<Labels> {
    match &counting.keys {
        Keys::Positions(labels) => Ok(labels.clone()),
        Keys::Vocabulary(vocabulary) => Ok(vocabulary.labels().clone()),
        Keys::Indices(Some(n)) => Ok(Labels::indices(usize::try_from(*n).unwrap_or(usize::MAX))),
        Keys::Indices(None) | Keys::Names(_) => {
            Err(Error::internal("labels are not known before rows are read"))
        }
    }
}

/// Refuses an output that lies among the sources, or sources that lie in the output.
///
/// # Errors
/// [`Error::Usage`].
pub(super) fn check_apart(out: &Path, sources: &[String], shards: &[PathBuf]) -> Result<()> {
    let inside = |what: String| {
        Err(Error::usage(format!("--out {}: {what}", out.display()))
            .hint("name a folder outside of the sources with --out DIR"))
    };
    let real = |path: &Path| {
        // The folder may not be there yet, those above it may be links.
        let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        let there = absolute.ancestors().find_map(|above| Some((above, std::fs::canonicalize(above).ok()?)));
        match there {
            Some((above, real)) => real.join(absolute.strip_prefix(above).unwrap_or(Path::new(""))),
            None => absolute,
        }
    };
    let place = real(out);
    let is_passed_over =
        |below: &Path| below.iter().any(|name| name.to_string_lossy().starts_with(['.', '_']));
    for source in sources {
        let path = Path::new(source);
        if path.is_dir() && place.strip_prefix(real(path)).is_ok_and(|below| !is_passed_over(below)) {
            return inside(format!("it lies in the source {source}, which would hold the shards twice then"));
        }
        if source.contains(['*', '?', '[']) {
            let options = glob::MatchOptions { require_literal_separator: true, ..glob::MatchOptions::new() };
            let pattern = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
            let pattern = glob::Pattern::new(&pattern.to_string_lossy()).ok();
            let absolute = std::path::absolute(out).unwrap_or_else(|_| out.to_owned());
            let names = ["applied/part.parquet", "applied/key=value/part.parquet"];
            let matches = |name: &str| {
                pattern.as_ref().is_some_and(|p| p.matches_path_with(&absolute.join(name), options))
            };
            if names.into_iter().any(matches) {
                return inside(format!("the source {source} would match the shards that are written there"));
            }
        }
    }
    match shards.iter().find(|shard| real(shard).starts_with(&place)) {
        Some(shard) => inside(format!("the source {} lies in it", shard.display())),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_and_output_are_apart() {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        std::fs::create_dir_all(data.join("k=1")).unwrap();
        let shard = data.join("k=1/a.parquet");
        std::fs::write(&shard, "x").unwrap();
        let text = |path: &Path| path.display().to_string();
        let check = |out: &str, source: String| {
            check_apart(&folder.path().join(out), &[source], std::slice::from_ref(&shard))
        };
        let glob = format!("{}/**/*.parquet", text(folder.path()));
        for (out, source) in [
            ("data", text(&data)),
            ("data/out", text(&data)),
            ("data/k=1", text(&shard)),
            ("out", glob.clone()),
            (".", text(&data)),
        ] {
            assert_eq!(check(out, source.clone()).unwrap_err().exit_code(), 2, "{out} {source}");
        }
        for (out, source) in [
            ("out", text(&data)),
            ("data/out", text(&shard)),
            ("data/_out", text(&data)),
            ("data2", format!("{}/*.parquet", text(&data))),
        ] {
            check(out, source).unwrap();
        }
    }
}
