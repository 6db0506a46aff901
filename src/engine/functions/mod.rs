//! SQL functions over labels and counts, for the sessions of posweight and for any other DataFusion session.
//!
//! `labels` holds the aggregates over a label column, `counter` counts for them, `sides` reads values ·
//! `schemes` holds the scalar functions of counts · `exact_aggregates` holds `sum`, `avg`, `var` and `stddev`,
//! `whole_sums` those of integers and decimals, `exact_floats` those of floats, which `exact_number` adds without rounding ·
//! `extremes` holds `min` and `max`, `places` `median` and `percentile_cont`, `bit_xor` itself · `call` says what a table function is, `tables` registers it, `call_exec` runs it
//!
//! ```no_run
//! # fn main() -> posweight::error::Result<()> {
//! let context = datafusion::prelude::SessionContext::new();
//! posweight::register_functions(&context)?;
//! // SELECT split, pos_weight(cat) FROM pets GROUP BY split
//! # Ok(())
//! # }
//! ```

mod bit_xor;
pub(crate) mod call;
pub(super) mod call_exec;
mod counter;
mod exact_aggregates;
mod exact_floats;
mod exact_number;
mod extremes;
mod labels;
mod places;
mod schemes;
pub(in crate::engine) mod signed_counts;
mod sides;
pub(crate) mod tables;
mod whole_sums;

use datafusion::prelude::SessionContext;

use crate::error::Result;

/// The description of a function.
#[derive(Debug)]
pub struct FunctionInfo {
    /// Name and arguments; those in brackets are optional.
    pub call: &'static str,
    /// What it returns.
    pub gives: &'static str,
}

const fn row(call: &'static str, gives: &'static str) -> FunctionInfo {
    FunctionInfo { call, gives }
}

/// Every function: aggregates, scalar functions, table functions.
#[rustfmt::skip]
pub const FUNCTIONS: [FunctionInfo; 29] = [
    row("positives(x)", "rows whose label is 1 or true"),
    row("negatives(x)", "rows whose label is 0 or false"),
    row("missing(x)", "rows whose label is NULL or NaN"),
    row("prevalence(x)", "positives / known rows; NULL without known rows"),
    row("pos_weight(x)", "negatives / positives, as compute gives it; 1 without both"),
    row("ratio_weight(pos, neg [, epsilon])", "neg / (pos + epsilon)"),
    row("laplace_weight(pos, neg [, alpha])", "(neg + alpha) / (pos + alpha)"),
    row("power_weight(pos, neg [, gamma])", "(neg / pos)^gamma"),
    row("sqrt_weight(pos, neg)", "sqrt(neg / pos)"),
    row("log_weight(pos, neg [, floor])", "max(floor, ln(neg / pos) + 1)"),
    row("log1p_weight(pos, neg)", "ln(1 + neg / pos)"),
    row("inverse_frequency_weight(pos, reference)", "reference / pos"),
    row("balanced_weight(pos, neg)", "known / (2 pos)"),
    row("balanced_negative_weight(pos, neg)", "known / (2 neg)"),
    row("effective_number_weight(pos [, beta])", "(1 - beta) / (1 - beta^pos), not scaled to mean 1"),
    row("inverse_propensity_weight(pos, rows [, a [, b]])", "1 + C (pos + b)^-a, C = (ln rows - 1)(b + 1)^a"),
    row("enet_weight(pos, neg [, c])", "1 / ln(c + pos / known)"),
    row("focal_alpha(pos, neg)", "neg / known"),
    row("ldam_margin(pos, min_pos [, max_margin])", "max_margin (min_pos / pos)^(1/4)"),
    row("prior_bias(pos, neg)", "ln(pos / neg)"),
    row("logit_adjustment(pos, neg [, tau])", "tau ln(pos / neg)"),
    row("repeat_factor(pos, rows [, threshold])", "max(1, sqrt(threshold rows / pos))"),
    row("irlbl(pos, max_pos)", "max_pos / pos; NULL without positives"),
    row("im_r(pos, neg)", "larger side / smaller side; NULL without both"),
    row("label_entropy(pos, neg)", "entropy of prevalence in bits"),
    row("label_counts('shards' [, 'options'])", "counts of every label, as counts.parquet has them"),
    row("label_weights('shards', 'scheme' [, 'options'])", "counts, weights and status, as weights.parquet has them"),
    row("numbered_rows('shards' [, 'shards'])", "the rows with shard, row and position, as a sampling plan names them"),
    row("imbalance('shards' [, 'options'])", "every measure of the set: measure, value, and a note where the value is NULL"),
];

/// True for the names of aggregates over a label column.
pub(super) fn is_over_labels(name: &str) -> bool {
    labels::all().iter().any(|aggregate| aggregate.name() == name)
}

/// How to call the function that says in `message` what it takes.
pub(super) fn how_to_call(message: &str) -> Option<String> {
    let (name, _) = message.split_once(" takes ")?;
    let info = FUNCTIONS.iter().find(|info| info.call.split('(').next() == Some(name))?;
    Some(format!("write {}: {}", info.call, info.gives))
}

/// Adds the aggregates and the scalar functions to `context`, and replaces its `sum` and `avg` by those that report what
/// their type cannot hold. With the `var` and `stddev` that come with them, they round sums of floats once, so that they do
/// not depend on the order of rows. `median` and `percentile_cont` keep all digits. In `min` and `max` of groups, NaN is above all other numbers. Table functions, which
/// count shards, come from `pipeline::sql`.
///
/// # Errors
/// [`crate::error::Error::Internal`] when a function names an unknown scheme, which a test rules out.
pub fn register(context: &SessionContext) -> Result<()> {
    for aggregate in labels::all() {
        context.register_udaf(aggregate);
    }
    let exact = exact_aggregates::all().into_iter().chain(extremes::all()).chain(places::all());
    for aggregate in exact.chain([bit_xor::bit_xor()]) {
        context.register_udaf(aggregate);
    }
    for scalar in schemes::all()? {
        context.register_udf(scalar);
    }
    Ok(())
}
