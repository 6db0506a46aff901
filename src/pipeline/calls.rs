//! The table functions `label_counts`, `label_weights` and `imbalance`: a run's own counting, in a query.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, StringArray};
use arrow::compute::concat_batches;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use futures::future::BoxFuture;

use super::machine::Machine;
use super::opening::{Opened, open_plan};
use super::parsing::parse;
use super::plan::Plan;
use super::spec::{OneOrMany, STDIO, Spec};
use crate::artifact::table::rows;
use crate::counts::{LabelCounts, Labels};
use crate::engine::functions::tables::{Opened as Call, Rows, TableCall};
use crate::engine::session::Limits;
use crate::engine::sql::measures;
use crate::engine::{Counted, Progress, count, outlook};
use crate::error::{Error, Result};
use crate::measures::measure;
use crate::weights::weigh;

/// Keys of a spec that options may set: what is counted and how it is weighed.
const OPTIONS: [&str; 31] = [
    "layout",
    "labels",
    "id",
    "value",
    "delimiter",
    "vocabulary",
    "num_labels",
    "num_rows",
    "label_kind",
    "positive_values",
    "negative_values",
    "missing_values",
    "uncertain_values",
    "uncertain_as",
    "threshold",
    "soft",
    "missing_columns",
    "sample_weight",
    "by",
    "epsilon",
    "power",
    "clip",
    "normalize",
    "zero_positives",
    "zero_negatives",
    "min_positives",
    "compat",
    "engine",
    "trust_statistics",
    "scheme",
    "where",
];

/// The functions that count, each within `limits`.
#[must_use]
pub fn all(limits: &Limits) -> Vec<Arc<dyn TableCall>> {
    [Gives::Counts, Gives::Weights, Gives::Measures]
        .map(|gives| Arc::new(CountCall { gives, limits: limits.clone() }) as Arc<dyn TableCall>)
        .to_vec()
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Gives {
    Counts,
    Weights,
    Measures,
}

#[derive(Debug)]
struct CountCall {
    gives: Gives,
    limits: Limits,
}

impl TableCall for CountCall {
    fn name(&self) -> &'static str {
        match self.gives {
            Gives::Counts => "label_counts",
            Gives::Weights => "label_weights",
            Gives::Measures => "imbalance",
        }
    }

    fn call(&self, arguments: &[String]) -> Result<Rows> {
        let (gives, name) = (self.gives, self.name());
        let (shards, scheme, options) = match (gives, arguments) {
            (Gives::Weights, [shards, scheme]) => (shards, Some(scheme), ""),
            (Gives::Weights, [shards, scheme, options]) => (shards, Some(scheme), options.as_str()),
            (Gives::Counts | Gives::Measures, [shards]) => (shards, None, ""),
            (Gives::Counts | Gives::Measures, [shards, options]) => (shards, None, options.as_str()),
            _ => {
                let scheme = if gives == Gives::Weights { ", 'scheme'" } else { "" };
                return Err(Error::usage(format!("{name} does not take {} arguments", arguments.len()))
                    .hint(format!("call {name}('shards'{scheme}) or {name}('shards'{scheme}, 'layout=list, labels=tags')")));
            }
        };
        if shards == STDIO {
            return Err(Error::usage(format!("{name}: a query does not read shards from stdin"))
                .hint("name files, folders or globs"));
        }
        let mut spec = options_of(options).map_err(|error| error.at(name))?;
        spec.shards = Some(OneOrMany::One(shards.clone()));
        // Nothing is written; a plan has to have a place all the same.
        spec.out = Some("unused".into());
        if let Some(scheme) = scheme {
            spec.scheme = Some(OneOrMany::One(scheme.clone()));
        }
        let mut plan = Plan::resolve(spec, Machine::here()).map_err(|error| error.at(name))?;
        plan.limits = self.limits.clone();
        let soft = plan.domain.soft || plan.sample_weight.is_some();
        let nothing = LabelCounts::empty(Labels::default(), soft);
        let columns = made(gives, &plan, &nothing, &[])?.schema();
        let plan = Arc::new(plan);
        let open = move || -> BoxFuture<'static, Result<Call>> {
            let plan = Arc::clone(&plan);
            Box::pin(async move { opened(gives, plan).await })
        };
        Ok(Rows { schema: columns, open: Arc::new(open) })
    }
}

/// Opens the shards of `plan`.
async fn opened(gives: Gives, plan: Arc<Plan>) -> Result<Call> {
    let opened = Arc::new(open_plan(&plan)?);
    let how = outlook(&opened.dataset, &opened.counting, &plan.limits).await?;
    let make = move || -> BoxFuture<'static, Result<RecordBatch>> {
        let (plan, opened) = (Arc::clone(&plan), Arc::clone(&opened));
        Box::pin(async move { counted(gives, &plan, &opened).await })
    };
    Ok(Call { how, make: Arc::new(make) })
}

/// Counts as `plan` says, and makes rows of it.
async fn counted(gives: Gives, plan: &Plan, opened: &Opened) -> Result<RecordBatch> {
    let progress = Arc::new(Progress::default());
    let counting = opened.counting.clone();
    let Counted { total, groups, .. } =
        count(&opened.dataset, counting, &plan.limits, progress, None).await?;
    if plan.by.is_empty() {
        return made(gives, plan, &total, &[]);
    }
    let parts = groups.iter().map(|(key, counts)| made(gives, plan, counts, key));
    let parts = parts.collect::<Result<Vec<_>>>()?;
    let schema =
        made(gives, plan, &LabelCounts::empty(Labels::default(), total.masses().is_some()), &[])?.schema();
    concat_batches(&schema, &parts).map_err(|cause| Error::internal(cause.to_string()))
}

/// The rows made of the counts of one group, after the columns of `--by` with its key.
fn made(gives: Gives, plan: &Plan, counts: &LabelCounts, key: &[Option<String>]) -> Result<RecordBatch> {
    let made = match gives {
        Gives::Counts => rows(counts, None)?,
        Gives::Weights => rows(counts, Some(&weigh(counts, &plan.weighing)?))?,
        Gives::Measures => measures(&measure(counts, plan.telling.compat))?,
    };
    let group = |at: usize| -> ArrayRef {
        let value = key.get(at).and_then(Option::as_deref);
        Arc::new(std::iter::repeat_n(value, made.num_rows()).collect::<StringArray>())
    };
    let columns = (0..plan.by.len()).map(group).chain(made.columns().iter().cloned()).collect();
    let by = plan.by.iter().map(|name| Arc::new(Field::new(name, DataType::Utf8, true)));
    let fields: Vec<_> = by.chain(made.schema().fields().iter().cloned()).collect();
    let schema: SchemaRef = Arc::new(Schema::new(fields));
    RecordBatch::try_new(schema, columns).map_err(|cause| Error::internal(cause.to_string()))
}

/// Reads `layout=list, labels=tags`: keys of a pipeline file. A part without a key goes on with the list
/// before it, as in `labels=a,b`; `where` takes the rest of the text.
fn options_of(text: &str) -> Result<Spec> {
    let mut pairs: Vec<(String, Vec<String>)> = Vec::new();
    let mut rest = text;
    while !rest.trim().is_empty() {
        let (part, after) = rest.split_once(',').unwrap_or((rest, ""));
        match part.split_once('=').map(|(key, value)| (key.trim(), value.trim())) {
            Some(("where", _)) => {
                let condition = rest.split_once('=').map_or("", |(_, condition)| condition);
                pairs.push(("where".to_owned(), vec![condition.trim().to_owned()]));
                break;
            }
            // Schemes have parameters: `scheme=power:gamma=0.5`.
            Some((key, value)) if !key.contains(':') => pairs.push((key.to_owned(), vec![value.to_owned()])),
            _ => match pairs.last_mut() {
                Some((_, values)) => values.push(part.trim().to_owned()),
                None => {
                    return Err(Error::usage(format!("the option {:?} is not key=value", part.trim()))
                        .hint("write options as in 'layout=list, labels=tags'"));
                }
            },
        }
        rest = after;
    }
    let mut all = String::new();
    for (key, values) in &pairs {
        if !OPTIONS.contains(&key.as_str()) {
            return Err(Error::usage(format!("there is no option {key:?}"))
                .hint(format!("options are {}", OPTIONS.join(", "))));
        }
        // As TOML has it: a number or a boolean where the key takes one, else text.
        let text = |value: &String| toml::Value::String(value.clone()).to_string();
        let typed =
            |value: &String| value.parse::<toml::Value>().ok().filter(|v| !v.is_table() && !v.is_str());
        let bare = |value: &String| typed(value).map_or_else(|| text(value), |value| value.to_string());
        let line = |of: &dyn Fn(&String) -> String| match &values[..] {
            [one] => format!("{key} = {}\n", of(one)),
            many => format!("{key} = [{}]\n", many.iter().map(of).collect::<Vec<_>>().join(", ")),
        };
        let line = [line(&bare), line(&text)].into_iter().find(|line| parse(line).is_ok());
        all.push_str(&line.ok_or_else(|| {
            Error::usage(format!("the option {key}={} has no such value", values.join(",")))
                .hint("values are those of the flag of the same name: see posweight compute --help")
        })?);
    }
    parse(&all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_keys_of_a_spec() {
        let spec = options_of("layout=list, labels=tags, num_labels=20").unwrap();
        assert_eq!((spec.layout.as_deref(), spec.num_labels), (Some("list"), Some(20)));
        let spec = options_of("labels=a,1, missing_values=-1,2,clip=0,100,where=a IN (1, 2), b = 3").unwrap();
        assert_eq!(spec.labels.unwrap().to_vec(), ["a", "1"]);
        assert_eq!(spec.values.missing_values.unwrap().texts(), ["-1", "2"]);
        assert_eq!(spec.clip, Some((0.0, 100.0)));
        assert_eq!(spec.r#where.as_deref(), Some("a IN (1, 2), b = 3"));
        let message = |text: &str| options_of(text).unwrap_err().to_string();
        assert_eq!(message("tags"), "the option \"tags\" is not key=value");
        assert_eq!(message("layot=list"), "there is no option \"layot\"");
        assert_eq!(message("num_labels=many"), "the option num_labels=many has no such value");
        assert_eq!(message("out=x"), "there is no option \"out\"");
    }
}
